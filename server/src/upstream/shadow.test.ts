/** Tests shadow mode: the upstream decides, and this server also verifies each key, compares, and learns hashes. */
import { describe, expect, test } from "bun:test";
import { engines, startTest, type TestEngine, type TestServer } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { stoppedAfterTest } from "../../test/setUp.ts";
import { until } from "../../test/until.ts";
import {
  makeApi,
  makeWaiting,
  passTo,
  startAfter,
  startUpstream,
  verdict,
  waits,
} from "../../test/upstream.ts";
import { listDifferences } from "../storage/queries/upstreamDifferences.ts";

const memory: TestEngine = { name: "sqlite in memory", url: () => ":memory:" };
const kept = stoppedAfterTest();

/**
 * Starts an upstream with a key, and a server in shadow mode that has the same key as a waiting key. The server knows
 * the first seven characters of the key.
 */
async function makePair(engine: TestEngine, fields: object = {}) {
  const old = kept(await startTest({ engine: memory }));
  const { apiId: oldApiId } = (await old.call("apis.createApi", { name: "old" })).body.data;
  const { keyId, key } = (await old.call("keys.createKey", { apiId: oldApiId, prefix: "sk", ...fields })).body
    .data;
  const upstream = kept(startUpstream(passTo(() => old.url)));
  const settings = { UPSTREAM_VERIFY_ROOT_KEY: old.rootKey };
  const server = kept(await startAfter(engine, upstream.url, "shadow", settings));
  const apiId = await makeApi(server);
  await makeWaiting(server, { keyId, apiId, start: key.slice(0, 7) });
  return { old, upstream, server, apiId, keyId, key: String(key) };
}

const verify = (server: TestServer, key: string, more: object = {}) =>
  server.call("keys.verifyKey", { key, ...more });
const remaining = async (server: TestServer, keyId: string) =>
  (await server.call("keys.getKey", { keyId })).body.data.credits?.remaining;

async function differences(server: TestServer) {
  const { db } = server.services.engine;
  return until(async () => {
    const found = await listDifferences(db, server.workspaceId);
    return found.length > 0 ? found : undefined;
  });
}

describe.each(engines)("on $name,", (engine) => {
  test("the upstream decides, this server stores the key's hash, and its balance becomes the upstream's", async () => {
    const { old, server, keyId, key } = await makePair(engine, { credits: { remaining: 10 } });
    for (const credits of [9, 8]) {
      expect((await verify(server, key)).body.data).toMatchObject({ code: "VALID", keyId, credits });
      expect(await remaining(server, keyId)).toBe(credits);
    }
    await old.call("keys.updateKey", { keyId, enabled: false });
    expect((await verify(server, key)).body.data.code).toBe("DISABLED");
    const [difference] = await differences(server);
    expect(difference).toMatchObject({
      kind: "code",
      count: 1,
      examples: [{ keyId, own: "VALID", upstream: "DISABLED" }],
    });
    expect(JSON.stringify(await differences(server))).not.toContain(key);
  });

  test("credits that many callers spend at once are granted only once by both servers together", async () => {
    const { old, server, keyId, key } = await makePair(engine, { credits: { remaining: 40 } });
    const codes: string[] = [];
    const worker = async () => {
      for (let i = 0; i < 6; i += 1) codes.push((await verify(server, key)).body.data.code);
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    expect(codes).toEqual(Array(24).fill("VALID"));
    expect([await remaining(old, keyId), await remaining(server, keyId)]).toEqual([16, 16]);
  });

  test("without the upstream, this server decides about keys whose hash it has stored, and responds 503 about all others", async () => {
    const { upstream, server, apiId, keyId, key } = await makePair(engine);
    await makeWaiting(server, { keyId: "key_waiting", apiId, start: "sk_abcd" });
    expect((await verify(server, key)).body.data.code).toBe("VALID");
    await upstream.stop();
    expect((await verify(server, key)).body.data).toMatchObject({ code: "VALID", keyId });
    for (const unknown of ["sk_abcd1", "sk_other"]) {
      expectRefusal(await verify(server, unknown), "upstream_unavailable");
    }
    const batch = await server.call("keys.verifyKeys", [{ key }, { key: "sk_other" }]);
    expect(batch.body.data).toMatchObject([{ data: { code: "VALID" } }, { error: { status: 503 } }]);
  });
});

test("if the first characters of a key are not stored, its hash is stored when the upstream names the key", async () => {
  const upstream = kept(startUpstream(() => verdict({ valid: true, code: "VALID", keyId: "key_plain" })));
  const server = kept(await startAfter(memory, upstream.url, "shadow"));
  await makeWaiting(server, { keyId: "key_plain", apiId: await makeApi(server), start: "" });
  expect((await verify(server, "no-prefix-at-all")).body.data.code).toBe("VALID");
  expect(await waits(server, "key_plain")).toBe(false);
});

test("differences are counted by kind, with examples that contain nothing secret or private", async () => {
  let said: object = {};
  const upstream = kept(startUpstream(() => verdict({ valid: true, code: "VALID", ...said })));
  const server = kept(await startAfter(memory, upstream.url, "shadow"));
  const apiId = await makeApi(server);
  const { keyId, key } = (await server.call("keys.createKey", { apiId, name: "mine" })).body.data;
  const same = { keyId, name: "mine", enabled: true };
  for (const one of [
    same,
    { ...same, name: "theirs" },
    { ...same, meta: { secret: "s3cret" } },
    { ...same, expires: 1 },
    { ...same, permissions: ["a.b"] },
    { ...same, roles: ["admin"] },
    { ...same, identity: { id: "id_1", externalId: "user_1" } },
    { ...same, keyId: "key_another" },
    { ...same, credits: 5 },
  ]) {
    said = one;
    expect((await verify(server, key)).body.data).toMatchObject({ code: "VALID" });
  }
  said = { keyId: "key_absent" };
  expect((await verify(server, "sk_unimported")).body.data.code).toBe("VALID");
  const kinds = [
    "credits",
    "expires",
    "identity",
    "key",
    "meta",
    "name",
    "not_imported",
    "permissions",
    "roles",
  ];
  const found = await until(async () => {
    const all = await differences(server);
    return all.length === kinds.length ? all : undefined;
  });
  const counts = Object.fromEntries(found.map(({ kind, count }) => [kind, count]));
  expect(counts).toEqual(Object.fromEntries(kinds.map((kind) => [kind, 1])));
  expect(JSON.stringify(found)).not.toMatch(/s3cret|theirs|user_1|admin|sk_unimported/);
});

test("if two calls about a key overlap, different orders on both servers are not counted as a difference", async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let said: object[] = [];
  const respond = async () => {
    const own = said.shift();
    if (said.length === 2) {
      arrived.resolve();
      await release.promise;
    }
    return verdict({ enabled: true, ...own });
  };
  const upstream = kept(startUpstream(respond));
  const server = kept(await startAfter(memory, upstream.url, "shadow"));
  const apiId = await makeApi(server);
  const ratelimits = [{ name: "requests", limit: 1, duration: 3_600_000, autoApply: true }];
  const { keyId, key } = (await server.call("keys.createKey", { apiId, ratelimits })).body.data;
  said = [
    { keyId, valid: false, code: "RATE_LIMITED" },
    { keyId, valid: true, code: "VALID" },
    { keyId, valid: false, code: "RATE_LIMITED", name: "theirs" },
  ];
  const early = verify(server, key); // here, this server allows the key, and the upstream refuses it
  await arrived.promise;
  expect((await verify(server, key)).body.data.code).toBe("VALID"); // here, this server refuses the key
  release.resolve();
  expect((await early).body.data.code).toBe("RATE_LIMITED");
  await verify(server, key);
  const kinds = (await differences(server)).map(({ kind }) => kind);
  expect(kinds).toContain("name");
  expect(kinds).not.toContain("code");
});

test("a root key for one api sees no keys of another, whatever the upstream says", async () => {
  const { server, keyId, key } = await makePair(memory);
  const rootKey = await server.makeRootKey([`api.${await makeApi(server)}.verify_key`]);
  const hidden = { valid: false, code: "NOT_FOUND" };
  expect((await server.call("keys.verifyKey", { key }, { rootKey })).body.data).toEqual(hidden);
  expect(await waits(server, keyId)).toBe(true);
  expect((await verify(server, key)).body.data.code).toBe("VALID");
  expect((await server.call("keys.verifyKey", { key }, { rootKey })).body.data).toEqual(hidden);
});

test("a field that the upstream does not have is refused, not ignored", async () => {
  const { server, key } = await makePair(memory);
  for (const field of [
    { ip: "192.0.2.1" },
    { keyspaces: ["ks_1"] },
    { autoApply: false },
    { quotas: [{ name: "pages" }] },
    { credits: { reserve: 1, ttl: 60_000 } },
  ]) {
    expectRefusal(await verify(server, key, field), "precondition_failed");
  }
});

test("a request that the upstream rejects is rejected, with this server's own message if it rejects the request too", async () => {
  const { server, key } = await makePair(memory);
  expectRefusal(await verify(server, key, { permissions: "AND" }), "permissions_query_syntax_error");
  await verify(server, key);
  const limits = { ratelimits: [{ name: "not-stored" }] };
  const error = expectRefusal(await verify(server, key, limits), "precondition_failed");
  expect(error.detail).toContain("body.ratelimits[0].name");
});
