import { describe, expect, test } from "bun:test";
import { engines, type Reply, type TestServer } from "../test/harness.ts";
import { testServer, testWorkspace } from "../test/setUp.ts";
import { dump } from "../test/tables.ts";
import { makeWorkspace, statuses } from "../test/workspace.ts";

const dayMs = 86_400_000;
const visibleAscii = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("");

describe.each(engines)("on $name, a call with an Idempotency-Key", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const call = (operation: string, body: unknown, key: string, rootKey?: string) =>
    space.call(operation, body, { rootKey: rootKey ?? space.rootKey, headers: { "Idempotency-Key": key } });
  const createApi = (key: string, name = "payments", rootKey?: string) =>
    call("apis.createApi", { name }, key, rootKey);
  const count = async (table: "apis" | "auditEvents" | "idempotency") => {
    const rows = await server.services.engine.db
      .selectFrom(table)
      .select("id")
      .where("workspaceId", "=", space.id)
      .execute();
    return rows.length;
  };
  const replayed = (reply: Reply) => reply.headers.get("idempotent-replayed");

  test("takes effect once, and a repeat gets the first response, its request id and a header that says so", async () => {
    const first = await createApi("order-1");
    expect([first.status, replayed(first)]).toEqual([200, null]);
    server.clock.advance(1);
    for (let i = 0; i < 3; i += 1) {
      const repeat = await createApi("order-1");
      expect([repeat.status, replayed(repeat)]).toEqual([200, "true"]);
      expect(repeat.text).toBe(first.text);
      expect(repeat.headers.get("x-request-id")).toBe(first.body.meta.requestId);
    }
    expect([await count("apis"), await count("auditEvents"), await count("idempotency")]).toEqual([1, 1, 1]);
  });

  test("whose response has no data gets no data when it is repeated", async () => {
    await space.data("identities.createIdentity", { externalId: "user_1" });
    const first = await call("identities.deleteIdentity", { identity: "user_1" }, "order-1");
    const repeat = await call("identities.deleteIdentity", { identity: "user_1" }, "order-1");
    expect([repeat.status, replayed(repeat), repeat.text]).toEqual([200, "true", first.text]);
    expect(repeat.body).not.toHaveProperty("data");
  });

  test("returns the same new key when it is repeated, and the database does not contain that key", async () => {
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const first = await call("keys.createKey", { apiId }, "the-idempotency-key-itself");
    const { key } = first.body.data;
    expect((await call("keys.createKey", { apiId }, "the-idempotency-key-itself")).body.data.key).toBe(key);
    const rows = await dump(server.services.engine.db, space.id);
    expect(rows["idempotency"]).toHaveLength(1);
    const { answer } = JSON.parse(rows["idempotency"]?.[0] ?? "{}");
    const bytes = Buffer.from(answer, "base64url");
    expect(bytes.length).toBeGreaterThan(first.body.data.keyId.length + key.length);
    const everything = JSON.stringify(rows) + bytes.toString("latin1");
    for (const secret of [key, space.rootKey, "the-idempotency-key-itself"]) {
      expect(everything).not.toContain(secret);
    }
  });

  test("stores its response encrypted, and equal responses to one root key leave different rows", async () => {
    await createApi("order-1");
    await createApi("order-2");
    const rows = await server.services.engine.db
      .selectFrom("idempotency")
      .select(["id", "answer", "bodyHash"])
      .where("workspaceId", "=", space.id)
      .execute();
    expect(new Set(rows.map(({ id }) => id)).size).toBe(2);
    expect(new Set(rows.map(({ answer }) => answer.slice(0, 20))).size).toBe(2);
  });

  test("with another body is a 422 that changes nothing, even if only a space differs", async () => {
    const first = await createApi("order-1");
    for (const body of [{ name: "others" }, '{"name": "payments"}', '{"name":"payments"} ']) {
      const reply = await call("apis.createApi", body, "order-1");
      expect(reply.status).toBe(422);
      expect(reply.body.error.type).toEndWith("/idempotency_key_reused");
      expect(replayed(reply)).toBeNull();
    }
    expect(await count("apis")).toBe(1);
    expect((await createApi("order-1")).text).toBe(first.text);
  });

  test("is independent of calls of other operations, root keys and workspaces with the same key", async () => {
    const other = await makeWorkspace(server);
    const second = await space.keyWith("*");
    const replies = [
      await createApi("order-1"),
      await createApi("order-1", "payments", second),
      await createApi("order-1", "payments", other.rootKey),
      await call("permissions.createRole", { name: "payments" }, "order-1"),
      await createApi("Order-1"),
    ];
    expect(replies.map((reply) => [reply.status, replayed(reply)])).toEqual(replies.map(() => [200, null]));
    expect(await count("apis")).toBe(3);
  });

  test("gets the stored response if the clock was wrong by an hour when it was stored, but not if it was wrong by years", async () => {
    const { clock } = server;
    for (const [byMs, isRepeat] of [
      [3_600_000, true],
      [-3_600_000, true],
      [5 * 365 * 86_400_000, false],
      [-5 * 365 * 86_400_000, false],
    ] as const) {
      clock.set(byMs);
      const id = `kept-by-${Math.abs(byMs)}-${byMs > 0}`;
      expect((await createApi(id)).status).toBe(200);
      clock.set(-byMs);
      expect(replayed(await createApi(id))).toEqual(isRepeat ? expect.any(String) : null);
    }
  });

  test("that was refused is not remembered, and succeeds when the reason is gone", async () => {
    const create = (body: object) => call("identities.createIdentity", body, "order-1");
    expect((await create({ externalId: "not allowed" })).status).toBe(400);
    await space.data("identities.createIdentity", { externalId: "user_1" });
    expect((await create({ externalId: "user_1" })).status).toBe(409);
    expect((await create({ externalId: "user_1" })).status).toBe(409);
    expect(await count("idempotency")).toBe(0);
    await space.call("identities.deleteIdentity", { identity: "user_1" });
    const done = await create({ externalId: "user_1" });
    expect([done.status, replayed(done)]).toEqual([200, null]);
    const repeat = await create({ externalId: "user_1" });
    expect([repeat.status, replayed(repeat)]).toEqual([200, "true"]);
  });

  test("sent 50 times at once takes effect once, and all 50 get the same response", async () => {
    const replies = await Promise.all(Array.from({ length: 50 }, () => createApi("order-1")));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    expect(replies.filter((reply) => replayed(reply) === null)).toHaveLength(1);
    expect([await count("apis"), await count("auditEvents")]).toEqual([1, 1]);
  });

  test("sent at once with two bodies runs one of them, and the other is a 422", async () => {
    const both = (index: number) => createApi("order-1", index % 2 === 0 ? "even" : "odd");
    expect(await statuses(20, both)).toEqual({ 200: 10, 422: 10 });
    expect(await count("apis")).toBe(1);
  });

  test.each([
    ["of one character", "1"],
    ["of 255 characters", "x".repeat(255)],
    ["of every visible ASCII character", visibleAscii],
  ])("takes a key %s", async (_, key) => {
    expect(replayed(await createApi(key))).toBeNull();
    expect(replayed(await createApi(key))).toBe("true");
  });

  test.each([
    ["of no character", ""],
    ["of 256 characters", "x".repeat(256)],
    ["with a space", "two words"],
    ["with a tab", "tab\there"],
    ["with a letter beyond ASCII", "é"],
    ["of a no-break space", "\u00a0"],
  ])("refuses a key %s and names the header", async (_, key) => {
    const reply = await createApi(key);
    expect(reply.status).toBe(400);
    expect(reply.body.error.errors[0].location).toBe("headers.Idempotency-Key");
    expect(await count("apis")).toBe(0);
  });

  test("ignores it if the operation writes nothing: each of three verifications and decisions counts", async () => {
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const { key } = await space.data("keys.createKey", { apiId, credits: { remaining: 9 } });
    const limited = { namespace: "sends", identifier: "user_1", limit: 9, duration: 60_000 };
    for (const left of [8, 7, 6]) {
      const verified = await call("keys.verifyKey", { key }, "order-1");
      expect([verified.body.data.credits, replayed(verified)]).toEqual([left, null]);
      const limit = await call("ratelimit.limit", limited, "not a key at all");
      expect([limit.body.data.remaining, replayed(limit)]).toEqual([left, null]);
      const multi = await call("ratelimit.multiLimit", [{ ...limited, namespace: "many" }], "order-1");
      expect([multi.body.data.limits[0].remaining, replayed(multi)]).toEqual([left, null]);
    }
    expect(await count("idempotency")).toBe(0);
  });

  test("is forgotten after 24 hours, and not a millisecond before", async () => {
    const first = await createApi("order-1");
    server.clock.advance(dayMs - 1);
    expect((await createApi("order-1")).text).toBe(first.text);
    server.clock.advance(1);
    const anew = await createApi("order-1");
    expect([anew.status, replayed(anew)]).toEqual([200, null]);
    expect(anew.body.data.apiId).not.toBe(first.body.data.apiId);
    expect(await count("apis")).toBe(2);
    server.clock.advance(dayMs - 1);
    expect((await createApi("order-1")).text).toBe(anew.text); // the new response is stored for another 24 hours
  });

  test("of a root key that has expired since is refused, although its response is still stored", async () => {
    const expiresAtMs = server.clock.nowMs + 1_000;
    const rootKey = await server.makeRootKey(["api.*.create_api"], { workspaceId: space.id, expiresAtMs });
    expect((await createApi("order-1", "payments", rootKey)).status).toBe(200);
    server.clock.advance(2_000);
    expect((await createApi("order-1", "payments", rootKey)).status).toBe(403);
  });
});

describe.each(engines.filter(({ name }) => name !== "sqlite in memory"))(
  "on $name, after a restart",
  (engine) => {
    const server = testServer({ engine });
    const headers = { "Idempotency-Key": "order-1" };
    const create = (rootKey: string) =>
      server.call("apis.createApi", { name: "payments" }, { rootKey, headers });

    test("a response is still repeated, but not to a root key that has lost the permission or was deleted", async () => {
      const permission = "api.*.create_api";
      const [keeps, loses, goes] = [
        await server.makeRootKey([permission]),
        await server.makeRootKey([permission]),
        await server.makeRootKey([permission]),
      ];
      const first = await create(keeps);
      await create(loses);
      const losing = await lastActor(server);
      await create(goes);
      const going = await lastActor(server);
      await server.services.engine.transaction(async (tx) => {
        await tx
          .updateTable("rootKeys")
          .set({ permissions: JSON.stringify(["api.*.read_api"]) })
          .where("id", "=", losing)
          .execute();
        await tx.deleteFrom("rootKeys").where("id", "=", going).execute();
      });
      await server.restart();
      const repeat = await create(keeps);
      expect([repeat.text, repeat.headers.get("idempotent-replayed")]).toEqual([first.text, "true"]);
      expect((await create(loses)).status).toBe(403);
      expect((await create(goes)).status).toBe(401);
    });
  },
);

/** Returns the id of the root key that caused the last change. */
async function lastActor(server: TestServer): Promise<string> {
  const { actorId } = await server.services.engine.db
    .selectFrom("auditEvents")
    .select("actorId")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirstOrThrow();
  return actorId;
}
