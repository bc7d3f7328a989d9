/** Tests fallback mode: the server decides, and asks its upstream about keys whose hash it does not know. */
import { describe, expect, test } from "bun:test";
import { engines, startTest, type TestEngine, type TestServer } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { stoppedAfterTest } from "../../test/setUp.ts";
import {
  type FakeUpstream,
  makeApi,
  makeWaiting,
  passTo,
  startAfter,
  startUpstream,
  verdict,
  waits,
} from "../../test/upstream.ts";

const memory: TestEngine = { name: "sqlite in memory", url: () => ":memory:" };

const kept = stoppedAfterTest();

const verify = async (server: TestServer, key: string, more: object = {}) =>
  server.call("keys.verifyKey", { key, ...more });
const code = async (server: TestServer, key: string) => (await verify(server, key)).body.data?.code;

/** Starts a server in fallback mode with a waiting key that begins with `sk_abcd`. `respond` is its upstream. */
async function after(
  respond: Parameters<typeof startUpstream>[0],
  { engine = memory, settings = {} }: { engine?: TestEngine; settings?: Record<string, string> } = {},
) {
  const upstream = kept(startUpstream(respond));
  const server = kept(await startAfter(engine, upstream.url, "fallback", settings));
  const apiId = await makeApi(server);
  await makeWaiting(server, { keyId: "key_waiting", apiId, start: "sk_abcd" });
  return { upstream, server, apiId };
}

describe.each(engines)("on $name,", (engine) => {
  test("the upstream is asked once about a waiting key, without spending, and this server decides from then on", async () => {
    const old = kept(await startTest({ engine }));
    const { apiId: oldApiId } = (await old.call("apis.createApi", { name: "old" })).body.data;
    const { keyId, key } = (
      await old.call("keys.createKey", { apiId: oldApiId, prefix: "sk", credits: { remaining: 5 } })
    ).body.data;
    await old.call("keys.verifyKey", { key });
    const upstream = kept(startUpstream(passTo(() => old.url)));
    const settings = { UPSTREAM_VERIFY_ROOT_KEY: old.rootKey };
    const server = kept(await startAfter(engine, upstream.url, "fallback", settings));
    await makeWaiting(server, { keyId, apiId: await makeApi(server), start: key.slice(0, 7) });
    const first = await Promise.all([verify(server, key), verify(server, key)]);
    for (const { body } of first) expect(body.data).toMatchObject({ code: "VALID", keyId });
    expect(upstream.bodies).toEqual([{ key, credits: { cost: 0 } }]);
    await upstream.stop();
    expect((await verify(server, key)).body.data).toMatchObject({ code: "VALID", keyId, credits: 1 });
    expect((await old.call("keys.getKey", { keyId })).body.data.credits.remaining).toBe(4);
    const { body } = await server.call("audit.listEvents", { targetId: keyId });
    expect(body.data).toMatchObject([{ event: "key.update", fields: ["hash"] }]);
  });

  test("the batch, whoami and explain find a waiting key as a verification does", async () => {
    const keys = ["sk_abcd1", "sk_abcd2", "sk_abcd3"];
    const respond = (_: Request, body: string) =>
      verdict({ valid: true, code: "VALID", keyId: `key_${JSON.parse(body).key}` });
    const { server, apiId } = await after(respond, { engine });
    for (const key of keys) await makeWaiting(server, { keyId: `key_${key}`, apiId, start: "sk_abcd" });
    const [first, second, third] = keys;
    const batch = await server.call("keys.verifyKeys", [{ key: first }, { key: "sk_other" }]);
    expect(batch.body.data).toMatchObject([{ data: { code: "VALID" } }, { data: { code: "NOT_FOUND" } }]);
    expect((await server.call("keys.whoami", { key: second })).body.data.keyId).toBe(`key_${second}`);
    const waiting = await server.call("keys.explain", { keyId: `key_${third}` });
    expect(JSON.stringify(waiting.body.data)).toContain("UPSTREAM_VERIFY_MODE");
    const { verdict: explained } = (await server.call("keys.explain", { key: third })).body.data;
    expect(explained.code).toBe("VALID");
  });

  test("a root key without permission for the api of a waiting key learns nothing and sees nothing", async () => {
    const { server, apiId } = await after(() =>
      verdict({ valid: true, code: "VALID", keyId: "key_waiting" }),
    );
    const otherApi = await makeApi(server);
    const rootKey = await server.makeRootKey([`api.${otherApi}.verify_key`]);
    const reply = await server.call("keys.verifyKey", { key: "sk_abcd1" }, { rootKey });
    expect(reply.body.data).toEqual({ valid: false, code: "NOT_FOUND" });
    expect(await waits(server, "key_waiting")).toBe(true);
    const permitted = await server.makeRootKey([`api.${apiId}.verify_key`]);
    const found = await server.call("keys.verifyKey", { key: "sk_abcd1" }, { rootKey: permitted });
    expect(found.body.data.code).toBe("VALID");
  });

  test("another workspace has no upstream", async () => {
    const { upstream, server } = await after(() => verdict({ valid: false, code: "NOT_FOUND" }), { engine });
    const workspaceId = await server.makeWorkspace();
    const rootKey = await server.makeRootKey(["*"], { workspaceId });
    await makeWaiting(server, {
      keyId: "key_foreign",
      apiId: (await server.call("apis.createApi", { name: "foreign" }, { rootKey })).body.data.apiId,
      start: "sk_abcd",
      workspaceId,
    });
    const reply = await server.call("keys.verifyKey", { key: "sk_abcd1" }, { rootKey });
    expect(reply.body.data.code).toBe("NOT_FOUND");
    expect(upstream.bodies).toHaveLength(0);
  });
});

test("a key with another start causes no call to the upstream, and an unknown key causes one call a minute", async () => {
  const { upstream, server } = await after(() => verdict({ valid: false, code: "NOT_FOUND" }));
  expect(await code(server, "sk_other")).toBe("NOT_FOUND");
  expect(upstream.bodies).toHaveLength(0);
  for (let i = 0; i < 3; i += 1) expect(await code(server, "sk_abcdefg")).toBe("NOT_FOUND");
  expect(upstream.bodies).toHaveLength(1);
  server.clock.advance(60_000);
  expect(await code(server, "sk_abcdefg")).toBe("NOT_FOUND");
  expect(upstream.bodies).toHaveLength(2);
});

test("keys with the same start cause at most five calls a second, all keys together a bounded number, and further keys get a 503", async () => {
  const respond = () => verdict({ valid: false, code: "NOT_FOUND" });
  const { upstream, server, apiId } = await after(respond, {
    settings: { UPSTREAM_VERIFY_CALLS_PER_SECOND: "8" },
  });
  await makeWaiting(server, { keyId: "key_other", apiId, start: "sk_wxyz" });
  const flood = (start: string) =>
    Promise.all(Array.from({ length: 30 }, (_, index) => verify(server, `${start}${index}`)));
  const replies = await flood("sk_abcd");
  expect(upstream.bodies).toHaveLength(5);
  expect(replies.filter(({ status }) => status === 503)).toHaveLength(25);
  await flood("sk_wxyz");
  expect(upstream.bodies).toHaveLength(8);
  expectRefusal(await verify(server, "sk_abcdz"), "upstream_unavailable");
});

test("a failing upstream causes a 503 and is not called for a while, and afterwards keys are found", async () => {
  let works = false;
  const { upstream, server } = await after(() =>
    works
      ? verdict({ valid: true, code: "VALID", keyId: "key_waiting" })
      : new Response("down", { status: 500 }),
  );
  for (let i = 0; i < 8; i += 1) {
    const reply = await verify(server, `sk_abcd${i}`);
    expectRefusal(reply, "upstream_unavailable");
    expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    server.clock.advance(100);
  }
  expect(upstream.bodies).toHaveLength(5);
  server.clock.advance(1_000);
  expectRefusal(await verify(server, "sk_abcd9"), "upstream_unavailable");
  expect(upstream.bodies).toHaveLength(6);
  works = true;
  server.clock.advance(1_000);
  // still paused: the second pause is twice as long
  expectRefusal(await verify(server, "sk_abcd0"), "upstream_unavailable");
  server.clock.advance(1_000);
  expect(await code(server, "sk_abcd0")).toBe("VALID");
  expect(await code(server, "sk_abcd0")).toBe("VALID");
  expect(upstream.bodies).toHaveLength(7);
});

test("a false response of the upstream changes nothing here", async () => {
  const long = "x".repeat(9 * 1024 * 1024);
  const valid = { valid: true, code: "VALID", keyId: "key_waiting" };
  const lies: [respond: () => Response, found: "NOT_FOUND" | undefined][] = [
    [() => verdict({ ...valid, keyId: "key_other" }), "NOT_FOUND"],
    [() => verdict({ ...valid, keyId: "key_foreign" }), "NOT_FOUND"],
    [() => verdict({ ...valid, keyId: "key_missing" }), "NOT_FOUND"],
    [() => verdict({ ...valid, meta: { long } }), undefined],
    [() => verdict({ ...valid, valid: false }), undefined],
    [() => verdict({ ...valid, keyId: "../../etc" }), undefined],
    [() => verdict({ ...valid, credits: -1 }), undefined],
    [() => verdict([]), undefined],
    [() => new Response("<html>"), undefined],
    [() => new Response(`{"data":${"[".repeat(100_000)}`), undefined],
    [() => Response.json({ error: { type: "/invalid_input" } }, { status: 400 }), undefined],
    [() => Response.json({}, { status: 401 }), undefined],
    [() => Response.redirect("http://127.0.0.1:1/", 307), undefined],
  ];
  let respond = () => verdict(valid);
  const { server, apiId } = await after(() => respond());
  await makeWaiting(server, { keyId: "key_other", apiId, start: "sk_wxyz" });
  const workspaceId = await server.makeWorkspace();
  await makeWaiting(server, { keyId: "key_foreign", apiId, start: "sk_abcd", workspaceId });
  for (const [index, [lie, found]] of lies.entries()) {
    respond = lie;
    const reply = await verify(server, `sk_abcd${index}`);
    expect([index, reply.body.data?.code]).toEqual([index, found]);
    if (found === undefined) expectRefusal(reply, "upstream_unavailable");
    server.clock.advance(30_000);
  }
  for (const keyId of ["key_waiting", "key_other", "key_foreign"]) {
    expect([keyId, await waits(server, keyId)]).toEqual([keyId, true]);
  }
});

test("two servers that are each other's upstream ask each other only once", async () => {
  let urlOfSecond = "";
  const toSecond = kept(startUpstream(passTo(() => urlOfSecond)));
  const first = kept(await startAfter(memory, toSecond.url, "fallback"));
  const toFirst = kept(startUpstream(passTo(() => first.url)));
  const second = kept(
    await startAfter(memory, toFirst.url, "fallback", { UPSTREAM_VERIFY_ROOT_KEY: first.rootKey }),
  );
  urlOfSecond = second.url;
  for (const server of [first, second]) {
    await makeWaiting(server, { keyId: "key_waiting", apiId: await makeApi(server), start: "sk_abcd" });
  }
  expect(await code(second, "sk_abcd1")).toBe("NOT_FOUND");
  expect([toFirst.bodies.length, toSecond.bodies.length]).toEqual([1, 0]);
});

test("an upstream that does not respond in time causes a 503", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const upstream: FakeUpstream = kept(startUpstream(() => held.then(() => new Response())));
  const settings = { UPSTREAM_VERIFY_TIMEOUT_MS: "100" };
  const server = kept(await startAfter(memory, upstream.url, "fallback", settings));
  await makeWaiting(server, { keyId: "key_waiting", apiId: await makeApi(server), start: "sk_abcd" });
  const error = expectRefusal(await verify(server, "sk_abcd1"), "upstream_unavailable");
  expect(error.detail).toContain("timeout");
  release();
});
