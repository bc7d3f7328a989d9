/** Tests console sessions: how they begin, what they may do, and everything that ends them. */
import { describe, expect, test } from "bun:test";
import { openBrowser } from "../../test/browser.ts";
import { engines, postgres, startTest } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";
import { revokeRootKey } from "../storage/queries/rootKeys.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

describe.each(engines)("on $name", (engine) => {
  const server = testServer({ engine });

  async function signedIn(rootKey = server.rootKey) {
    const browser = openBrowser(server);
    const reply = await browser.signIn(rootKey);
    expect(reply.status).toBe(200);
    return browser;
  }
  const rows = () => server.services.engine.db.selectFrom("consoleSessions").selectAll().execute();
  const events = async () =>
    (await server.call("audit.listEvents", { limit: 100 })).body.data as Record<string, unknown>[];

  test("a root key signs in, and the session runs every operation that the root key may run", async () => {
    const browser = await signedIn(await server.makeRootKey(["api.*.create_api"]));
    const created = await browser.call("apis.createApi", { name: "payments" });
    expect(created.status).toBe(200);
    expectRefusal(await browser.call("identities.listIdentities", {}), "insufficient_permissions");
  });

  test("the session says who is signed in, and never shows a secret", async () => {
    const rootKey = await server.makeRootKey(["api.*.read_api"]);
    const browser = await signedIn(rootKey);
    const { body, text } = await browser.session("POST");
    expect(body.data).toEqual({
      rootKeyId: expect.stringMatching(/^root_/),
      workspace: { id: server.workspaceId, name: "default" },
      permissions: ["api.*.read_api"],
      expiresAt: server.clock.nowMs + 30 * minuteMs,
    });
    for (const secret of [rootKey, browser.cookie.split("=")[1] ?? ""]) expect(text).not.toContain(secret);
  });

  test("a session from a login link may read the server's status but not grant that permission; a session from a root key may not read it", async () => {
    const [, loginToken] = (await server.loginLink())?.split("#login=") ?? [];
    const byLink = openBrowser(server);
    const { body } = await byLink.session("POST", { loginToken });
    expect(body.data.permissions).toEqual(["*", "server.*.read_status"]);
    expect((await byLink.call("server.getStatus", {})).status).toBe(200);
    const granted = await byLink.call("rootKeys.createKey", { permissions: ["server.*.read_status"] });
    expectRefusal(granted, "insufficient_permissions");
    const byKey = await signedIn();
    expectRefusal(await byKey.call("server.getStatus", {}), "insufficient_permissions");
  });

  test("only the hash of a session's secret is stored", async () => {
    const browser = await signedIn();
    const secret = browser.cookie.split("=")[1] ?? "";
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify(await rows())).not.toContain(secret);
    expect((await rows()).map(({ id }) => id)).toContain(server.services.hashKey(secret));
  });

  test("a session ends after 30 minutes without a call, and each call extends it", async () => {
    const browser = await signedIn();
    for (const wait of [20, 20, 29]) {
      server.clock.advance(wait * minuteMs);
      expect((await browser.session("POST")).status).toBe(200);
    }
    server.clock.advance(30 * minuteMs);
    expectRefusal(await browser.session("POST"), "console_session_missing");
    expectRefusal(await browser.call("apis.createApi", { name: "late" }), "console_session_missing");
  });

  test("a session ends 12 hours after the login, however often it is used", async () => {
    const browser = await signedIn();
    for (let passed = 0; passed < 12 * 60 - 20; passed += 20) {
      server.clock.advance(20 * minuteMs);
      expect((await browser.session("POST")).status).toBe(200);
    }
    server.clock.advance(20 * minuteMs);
    expectRefusal(await browser.session("POST"), "console_session_missing");
  });

  test("a session that began while the clock was years ahead ends when the clock is right again", async () => {
    server.clock.set(1_000 * 24 * hourMs);
    const browser = await signedIn();
    server.clock.set(-1_000 * 24 * hourMs);
    expectRefusal(await browser.session("POST"), "console_session_missing");
  });

  test("the time of the last call is written at most once a minute", async () => {
    const browser = await signedIn();
    const id = server.services.hashKey(browser.cookie.split("=")[1] ?? "");
    const seen = async () => (await rows()).find((row) => row.id === id)?.seenAtMs;
    const startedAtMs = server.clock.nowMs;
    server.clock.advance(minuteMs - 1);
    await browser.session("POST");
    expect(await seen()).toBe(startedAtMs);
    server.clock.advance(1);
    await browser.session("POST");
    expect(await seen()).toBe(startedAtMs + minuteMs);
  });

  test("a root key has at most 20 sessions: if another begins, the least recently used session ends", async () => {
    const rootKey = await server.makeRootKey(["*"]);
    const first = await signedIn(rootKey);
    const second = await signedIn(rootKey);
    server.clock.advance(minuteMs);
    await first.session("POST");
    for (let count = 3; count <= 21; count += 1) {
      server.clock.advance(1);
      await signedIn(rootKey);
    }
    expect((await first.session("POST")).status).toBe(200);
    expectRefusal(await second.session("POST"), "console_session_missing");
  });

  test("a root key that another process has just revoked does not sign in, although it is still cached", async () => {
    const rootKey = await server.makeRootKey(["*"]);
    const { body } = await (await signedIn(rootKey)).session("POST");
    const { rootKeyId } = body.data;
    await server.services.engine.transaction((tx) => revokeRootKey(tx, rootKeyId, server.clock.nowMs));
    const before = (await rows()).length;
    expectRefusal(await openBrowser(server).signIn(rootKey), "root_key_not_found");
    expect((await rows()).length).toBe(before);
  });

  test("the sessions of a revoked root key are refused from the next call on", async () => {
    const rootKey = await server.makeRootKey(["*"]);
    const browser = await signedIn(rootKey);
    const { rootKeyId } = (await browser.session("POST")).body.data;
    await server.services.engine.transaction((tx) => revokeRootKey(tx, rootKeyId, server.clock.nowMs));
    expectRefusal(await browser.call("apis.createApi", { name: "late" }), "console_session_missing");
  });

  test("if a root key is disabled, expires or loses a permission, that applies from its session's next call on", async () => {
    const { db } = server.services.engine;
    const expiring = await signedIn(await server.makeRootKey(["*"], { expiresAtMs: server.clock.nowMs + 1 }));
    const changed = await signedIn(await server.makeRootKey(["*"]));
    const { rootKeyId } = (await changed.session("POST")).body.data;
    const set = (values: object) =>
      server.services.engine.transaction((tx) =>
        tx.updateTable("rootKeys").set(values).where("id", "=", rootKeyId).execute(),
      );
    await set({ permissions: '["api.*.read_api"]' });
    expectRefusal(await changed.call("apis.createApi", { name: "late" }), "insufficient_permissions");
    await set({ enabled: 0 });
    expectRefusal(await changed.call("apis.createApi", { name: "late" }), "root_key_disabled");
    server.clock.advance(2);
    expectRefusal(await expiring.session("POST"), "root_key_expired");
    expect(await db.selectFrom("apis").select("id").where("name", "=", "late").execute()).toEqual([]);
  });

  test("signing out ends the session and removes its cookie; signing out again changes nothing", async () => {
    const browser = await signedIn();
    const { cookie } = browser;
    const reply = await browser.session("DELETE");
    expect(reply.status).toBe(200);
    expect(reply.headers.get("set-cookie")).toContain("Max-Age=0");
    browser.cookie = cookie;
    expectRefusal(await browser.session("POST"), "console_session_missing");
    expect((await browser.session("DELETE")).status).toBe(200);
  });

  test("login, logout and changes are in the audit trail, and say that they came from the console", async () => {
    const browser = await signedIn(await server.makeRootKey(["*"]));
    const { rootKeyId } = (await browser.session("POST")).body.data;
    await browser.call("apis.createApi", { name: "audited" });
    await browser.session("DELETE");
    const own = (await events()).filter(({ actorId }) => actorId === rootKeyId);
    expect(own.map(({ event, via }) => [event, via])).toEqual([
      ["console.login", "console"],
      ["api.create", "console"],
      ["console.logout", "console"],
    ]);
    await server.call("apis.createApi", { name: "by the API" });
    expect((await events()).at(-1)).not.toHaveProperty("via");
  });

  test("a change that is repeated with its Idempotency-Key gets the first response, but not in another session", async () => {
    const browser = await signedIn();
    const headers = { "Idempotency-Key": "once" };
    const first = await browser.call("apis.createApi", { name: "once" }, headers);
    const again = await browser.call("apis.createApi", { name: "once" }, headers);
    expect(again.body.data).toEqual(first.body.data);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    const other = await (await signedIn()).call("apis.createApi", { name: "once" }, headers);
    expect(other.status).toBe(200);
    expect(other.body.data.apiId).not.toBe(first.body.data.apiId);
  });

  test("old sessions are deleted", async () => {
    const { deleteOldConsoleSessions } = await import("../storage/queries/consoleSessions.ts");
    await signedIn();
    const nowMs = server.clock.nowMs + 25 * hourMs;
    const day = 24 * hourMs;
    await server.services.engine.transaction((tx) =>
      deleteOldConsoleSessions(tx, { beforeMs: nowMs - day, afterMs: nowMs + day }, 1_000),
    );
    expect(await rows()).toEqual([]);
  });
});

test("a session works on every node, and ends on all of them at once", async () => {
  const server = await startTest({ engine: postgres });
  const other = await startTest({ engine: { name: "shared", url: () => server.databaseUrl } });
  try {
    const rootKey = await server.makeRootKey(["*"]);
    const [here, there] = [openBrowser(server), openBrowser(other)];
    const share = () => {
      there.cookie = here.cookie.replace(/\d+(?==)/, new URL(other.url).port);
    };
    const { rootKeyId } = (await here.signIn(rootKey)).body.data;
    share();
    expect((await there.session("POST")).status).toBe(200);
    await here.session("DELETE");
    expectRefusal(await there.session("POST"), "console_session_missing");
    await here.signIn(rootKey);
    share();
    expect((await there.session("POST")).status).toBe(200);
    await server.services.engine.transaction((tx) => revokeRootKey(tx, rootKeyId, server.clock.nowMs));
    expectRefusal(await there.session("POST"), "console_session_missing");
  } finally {
    await other.stop();
    await server.stop();
  }
});
