import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { engines, startTest } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { makeWorkspace, nested, statuses } from "../../../test/workspace.ts";

const limit = (name: string, more = {}) => ({ name, limit: 10, duration: 60_000, ...more });
const monthMs = 30 * 86_400_000;

const names = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.constantFrom("__proto__", "constructor", "toJSON", "10", "2", "-0", "", "hasOwnProperty"),
);
const scalars = fc.oneof(
  fc.constantFrom(null, true, false, "", 2 ** 53 - 1, 1e-7),
  fc.string({ unit: "grapheme" }),
  fc.integer(),
  fc.double({ min: -1e15, max: 1e15, noNaN: true }),
);
/** Metadata: JSON objects within its bounds. Some have names that code often handles wrongly, such as `__proto__`. */
const metas = fc.dictionary(
  names,
  fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, scalars, tie("list"), tie("members")),
    list: fc.array(tie("value"), { maxLength: 4 }),
    members: fc.dictionary(names, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  })).value,
  { maxKeys: 12, noNullPrototype: true },
);

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine, config: { MAX_META_BYTES: "65536" } });
  const space = testWorkspace(server);
  const create = (body: object) => space.call("identities.createIdentity", body);
  const stored = (identity: string) => space.data("identities.getIdentity", { identity });

  test("an identity is read as it was created, and what was omitted is empty", async () => {
    const meta = { plan: "pro", seats: 5, nested: [{ ok: true, none: null }] };
    const ratelimits = [
      limit("zzz", { autoApply: true }),
      limit("aaa"),
      limit("AAA", { limit: 2 ** 53 - 1 }),
    ];
    const { identityId } = (await create({ externalId: "user_123", meta, ratelimits })).body.data;
    expect(identityId).toMatch(/^id_[0-9A-Za-z]{22}$/);
    expect(await stored(identityId)).toEqual({
      id: identityId,
      externalId: "user_123",
      meta,
      ratelimits: ratelimits.map((one) => ({
        autoApply: false,
        ...one,
        id: expect.stringMatching(/^rl_[0-9A-Za-z]{22}$/),
      })),
    });
    await create({ externalId: "bare" });
    expect(await stored("bare")).toMatchObject({ meta: {}, ratelimits: [] });
  });

  test.each(["a", "x".repeat(255), "aZ09_.-", "-", ".", "id_0Ck3vDbnXhq2Tn6Yp1Zs4a"])(
    "%p is accepted as an external id",
    async (externalId) => {
      expect((await create({ externalId })).status).toBe(200);
      expect((await stored(externalId)).externalId).toBe(externalId);
    },
  );

  test.each(["", "x".repeat(256), "a b", "é", "e\u0301", "a/b", "a\n", " a", "用户", "😀", "%"])(
    "%p is refused as an external id",
    async (externalId) => {
      expect(await space.flaws("identities.createIdentity", { externalId })).toContain("body.externalId");
    },
  );

  test("external ids are compared byte for byte", async () => {
    const externalIds = ["user", "User", "USER", "user_", "us_er", "us-er", "us.er"];
    for (const externalId of externalIds) expect((await create({ externalId })).status).toBe(200);
    const ids = await Promise.all(externalIds.map(async (externalId) => (await stored(externalId)).id));
    expect(new Set(ids).size).toBe(externalIds.length);
  });

  test("an external id that is taken is a 409 that changes nothing", async () => {
    await create({ externalId: "user_123", meta: { first: true }, ratelimits: [limit("api")] });
    const before = [await stored("user_123"), await space.audit()];
    const reply = await create({
      externalId: "user_123",
      meta: { second: true },
      ratelimits: [limit("more")],
    });
    expect(reply.status).toBe(409);
    expect(reply.body.error.type).toEndWith("/unkey/data/identity_already_exists");
    expect(reply.body.error.detail).toContain('"user_123"');
    expect([await stored("user_123"), await space.audit()]).toEqual(before);
  });

  test("the same external id is free in another workspace", async () => {
    await create({ externalId: "user_123" });
    const other = await makeWorkspace(server);
    expect((await other.call("identities.createIdentity", { externalId: "user_123" })).status).toBe(200);
  });

  test("of 50 creations of one external id at once exactly one succeeds", async () => {
    const body = { externalId: "user_123", ratelimits: [limit("api")] };
    expect(await statuses(50, () => create(body))).toEqual({ 200: 1, 409: 49 });
    expect((await space.data("identities.listIdentities", {})).length).toBe(1);
    expect((await space.audit()).map(({ event }) => event)).toEqual(["identity.create", "ratelimit.create"]);
  });

  test("the audit trail names the identity and each of its limits, and no values", async () => {
    const ratelimits = [limit("api"), limit("uploads")];
    await create({ externalId: "user_123", meta: { a: 1 }, ratelimits });
    const identity = await stored("user_123");
    const [first, second] = identity.ratelimits;
    expect(await space.audit()).toEqual([
      { event: "identity.create", targetId: identity.id, fields: [] },
      { event: "ratelimit.create", targetId: first.id, fields: [] },
      { event: "ratelimit.create", targetId: second.id, fields: [] },
    ]);
  });

  test("50 limits are returned in the order of the request, and 51 are too many", async () => {
    const names = Array.from({ length: 50 }, (_, index) => `limit_${(index * 7) % 50}`);
    await create({ externalId: "many", ratelimits: names.map((name) => limit(name)) });
    expect((await stored("many")).ratelimits.map(({ name }: { name: string }) => name)).toEqual(names);
    const more = [...names, "one_more"].map((name) => limit(name));
    expect(await space.flaws("identities.createIdentity", { externalId: "more", ratelimits: more })).toEqual([
      "body.ratelimits",
    ]);
  });

  test("a name that occurs twice in one request is refused at its second place", async () => {
    const ratelimits = [limit("api"), limit("uploads"), limit("api"), limit("api")];
    expect(await space.flaws("identities.createIdentity", { externalId: "twice", ratelimits })).toEqual([
      "body.ratelimits[2].name",
      "body.ratelimits[3].name",
    ]);
    expect((await create({ externalId: "case", ratelimits: [limit("api"), limit("API")] })).status).toBe(200);
  });

  test("a window is between a second and 30 days long, and every one beyond is listed", async () => {
    const windows = [1_000, 1_001, monthMs].map((duration, i) => limit(`ok_${i}`, { duration }));
    expect((await create({ externalId: "within", ratelimits: windows })).status).toBe(200);
    const beyond = [monthMs + 1, 60_000, 2 ** 53 - 1].map((duration, i) => limit(`no_${i}`, { duration }));
    expect(
      await space.flaws("identities.createIdentity", { externalId: "beyond", ratelimits: beyond }),
    ).toEqual(["body.ratelimits[0].duration", "body.ratelimits[2].duration"]);
  });

  test("integers may be written as fractions and with exponents", async () => {
    const text = '{"externalId":"n","ratelimits":[{"name":"api","limit":5.0,"duration":1e3}]}';
    expect((await space.call("identities.createIdentity", text)).status).toBe(200);
    expect((await stored("n")).ratelimits).toMatchObject([{ limit: 5, duration: 1_000 }]);
  });

  test("meta is returned as equal JSON, with its members in order, whatever their names are", async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(metas, async (meta) => {
        count += 1;
        const externalId = `meta_${count}`;
        const text = JSON.stringify(meta);
        const reply = await space.call(
          "identities.createIdentity",
          `{"externalId":"${externalId}","meta":${text}}`,
        );
        expect(reply.status).toBe(200);
        const response = await space.call("identities.getIdentity", { identity: externalId });
        // comparing objects would not see the order of members, nor a member named `__proto__`
        expect(response.text).toContain(`"meta":${JSON.stringify(JSON.parse(text))}`);
      }),
      { numRuns: 60 },
    );
  });

  test("member names like __proto__ are plain data", async () => {
    const meta =
      '{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"toJSON":1,"b":1,"2":1,"1":1}';
    await space.call("identities.createIdentity", `{"externalId":"proto","meta":${meta}}`);
    const response = await space.call("identities.getIdentity", { identity: "proto" });
    expect(response.text).toContain(
      '"meta":{"1":1,"2":1,"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"toJSON":1,"b":1}',
    );
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  test("meta nests 32 deep and no deeper", async () => {
    expect((await create({ externalId: "deep", meta: nested(32) })).status).toBe(200);
    expect((await stored("deep")).meta).toEqual(nested(32));
    expect((await create({ externalId: "deeper", meta: nested(33) })).status).toBe(400);
  });

  test("meta has up to 100 members, and more within them", async () => {
    const members = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, i]));
    expect((await create({ externalId: "full", meta: members(100) })).status).toBe(200);
    expect((await create({ externalId: "inner", meta: { inner: members(500) } })).status).toBe(200);
    expect(
      await space.flaws("identities.createIdentity", { externalId: "over", meta: members(101) }),
    ).toEqual(["body.meta"]);
  });

  test("meta takes up to 64 KiB of JSON in UTF-8", async () => {
    const ofBytes = (bytes: number) => ({
      text: "é".repeat((bytes - 11) / 2) + "x".repeat((bytes - 11) % 2),
    });
    expect(new TextEncoder().encode(JSON.stringify(ofBytes(65_536))).byteLength).toBe(65_536);
    expect((await create({ externalId: "largest", meta: ofBytes(65_536) })).status).toBe(200);
    expect(
      await space.flaws("identities.createIdentity", { externalId: "over", meta: ofBytes(65_537) }),
    ).toEqual(["body.meta"]);
    expect((await space.call("identities.getIdentity", { identity: "over" })).status).toBe(404);
  });

  test("a large meta is logged by its size", async () => {
    const noted = () => server.log.filter((line) => line.includes("metaBytes"));
    const before = noted().length;
    await create({ externalId: "small", meta: { text: "x".repeat(10_000) } });
    expect(noted().length).toBe(before);
    await create({ externalId: "large", meta: { text: "canary".repeat(2_000) } });
    expect(noted().length).toBe(before + 1);
    expect(noted().join()).not.toContain("canary");
  });

  test.each(["null", '"x"', "5", "[]", "true"])("meta is an object, not %s", async (meta) => {
    const text = `{"externalId":"odd","meta":${meta}}`;
    expect(await space.flaws("identities.createIdentity", text)).toEqual(["body.meta"]);
  });
});

test("the operator decides how large meta and how long windows may be", async () => {
  const config = { MAX_META_BYTES: "2048", MAX_RATELIMIT_DURATION_MS: "60000" };
  const server = await startTest({ config });
  const space = await makeWorkspace(server);
  const meta = { text: "x".repeat(2_048 - 11) };
  const ratelimits = [limit("api", { duration: 60_000 })];
  expect(JSON.stringify(meta).length).toBe(2_048);
  await space.data("identities.createIdentity", { externalId: "within", meta, ratelimits });
  expect(
    await space.flaws("identities.createIdentity", { externalId: "beyond", meta: { text: `${meta.text}x` } }),
  ).toEqual(["body.meta"]);
  expect(
    await space.flaws("identities.createIdentity", {
      externalId: "beyond",
      ratelimits: [limit("api", { duration: 60_001 })],
    }),
  ).toEqual(["body.ratelimits[0].duration"]);
  await server.stop();
});
