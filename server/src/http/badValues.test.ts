/** Values that fit no schema, or that mean something else than they seem to. */
import { beforeAll, describe, expect, test } from "bun:test";
import { engines, type TestServer } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const longestMs = 2_592_000_000;

describe.each(engines)("on $name", (engine) => {
  const server = testServer({ engine });
  let apiId: string;
  let lastName = 0;
  const freeName = () => {
    lastName += 1;
    return `user_${lastName}`;
  };
  const call: TestServer["call"] = (operation, body, options) => server.call(operation, body, options);
  const dataOf = async (operation: string, body: unknown) => (await call(operation, body)).body.data;
  const makeKey = (rest: object = {}) => dataOf("keys.createKey", { apiId, ...rest });
  const verify = (key: string, rest: object = {}) => dataOf("keys.verifyKey", { key, ...rest });

  beforeAll(async () => {
    apiId = (await dataOf("apis.createApi", { name: "payments" })).apiId;
  });

  describe("an external id", () => {
    test("with an accent is 400, composed or decomposed", async () => {
      for (const externalId of ["caf\u00e9", "cafe\u0301", "caf\u0435", "a b", "a\n", "", "a/b", "a@b"]) {
        const reply = await call("identities.createIdentity", { externalId });
        expectRefusal(reply, "invalid_input", "body.externalId");
      }
    });

    test("in another case is a different one", async () => {
      await dataOf("identities.createIdentity", { externalId: "CaseUser", meta: { n: 1 } });
      expect((await call("identities.createIdentity", { externalId: "caseuser" })).status).toBe(200);
      expect((await dataOf("identities.getIdentity", { identity: "CaseUser" })).meta).toEqual({ n: 1 });
      expect((await dataOf("identities.getIdentity", { identity: "caseuser" })).meta).toEqual({});
      expectRefusal(await call("identities.getIdentity", { identity: "CASEUSER" }), "identity_not_found");
    });
  });

  test("identifiers that look alike but have different bytes have separate counters", async () => {
    const count = (identifier: string) =>
      dataOf("ratelimit.limit", { namespace: "alike", identifier, limit: 1, duration: 60_000 });
    for (const identifier of ["caf\u00e9", "cafe\u0301", "Cafe", "cafe", "cafe ", " cafe"]) {
      expect((await count(identifier)).success).toBe(true);
      expect((await count(identifier)).success).toBe(false);
    }
  });

  describe("meta", () => {
    const set = (meta: object) => call("identities.createIdentity", { externalId: freeName(), meta });

    test("may have 100 members and is 400 with 101", async () => {
      const members = (count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, i]));
      expect((await set(members(100))).status).toBe(200);
      expectRefusal(await set(members(101)), "invalid_input", "body.meta");
    });

    test("may have 64 KiB as UTF-8 and is 400 with one byte more", async () => {
      const around = '{"a":""}'.length;
      for (const letter of ["x", "é", "😀"]) {
        const bytes = Buffer.byteLength(letter);
        const letters = letter.repeat(Math.floor((65_536 - around) / bytes));
        const filled = letters + "y".repeat(65_536 - around - Buffer.byteLength(letters));
        expect((await set({ a: filled })).status).toBe(200);
        expectRefusal(await set({ a: `${filled}y` }), "invalid_input", "body.meta");
        expectRefusal(
          await call("keys.createKey", { apiId, meta: { a: `${filled}y` } }),
          "invalid_input",
          "body.meta",
        );
      }
    });
  });

  describe("a limit named in a verification", () => {
    test("of 0, or with a duration below a second, is 400 and lets nothing pass", async () => {
      const { key } = await makeKey();
      for (const [rest, field] of [
        [{ limit: 0, duration: 60_000 }, "limit"],
        [{ limit: -1, duration: 60_000 }, "limit"],
        [{ limit: 5, duration: 500 }, "duration"],
        [{ limit: 5, duration: 0 }, "duration"],
        [{ limit: 5, duration: longestMs + 1 }, "duration"],
      ] as const) {
        const reply = await call("keys.verifyKey", { key, ratelimits: [{ name: "inline", ...rest }] });
        expectRefusal(reply, "invalid_input", `body.ratelimits[0].${field}`);
      }
      for (const rest of [{ limit: 5 }, { duration: 60_000 }]) {
        const reply = await call("keys.verifyKey", { key, ratelimits: [{ name: "inline", ...rest }] });
        expectRefusal(reply, "invalid_input", "body.ratelimits[0]");
      }
      expectRefusal(
        await call("keys.verifyKey", { key, ratelimits: [{ name: "nowhere" }] }),
        "precondition_failed",
      );
    });

    test("refuses a cost above it, without moving the counter", async () => {
      const { key } = await makeKey();
      const ask = async (cost: number) => {
        const verdict = await verify(key, {
          ratelimits: [{ name: "inline", limit: 5, duration: 60_000, cost }],
        });
        return { code: verdict.code, remaining: verdict.ratelimits[0].remaining };
      };
      expect(await ask(6)).toEqual({ code: "RATE_LIMITED", remaining: 5 });
      expect(await ask(2)).toEqual({ code: "VALID", remaining: 3 });
      expect(await ask(9_007_199_254_740_991)).toEqual({ code: "RATE_LIMITED", remaining: 3 });
      expect(await ask(0)).toEqual({ code: "VALID", remaining: 3 });
      expect(await ask(3)).toEqual({ code: "VALID", remaining: 0 });
      expect(await ask(0)).toEqual({ code: "VALID", remaining: 0 });
    });

    test("may be as large and as long as the API allows, and still counts exactly", async () => {
      const { key } = await makeKey();
      const limit = 9_007_199_254_740_991;
      const widest = { name: "widest", limit, duration: longestMs };
      const first = (await verify(key, { ratelimits: [widest] })).ratelimits[0];
      expect(first).toMatchObject({ remaining: limit - 1, exceeded: false });
      expect(first.reset).toBeGreaterThan(server.clock.nowMs);
      expect(first.reset).toBeLessThanOrEqual(server.clock.nowMs + longestMs);
      const rest = (await verify(key, { ratelimits: [{ ...widest, cost: limit - 1 }] })).ratelimits[0];
      expect(rest).toMatchObject({ remaining: 0, exceeded: false });
      expect((await verify(key, { ratelimits: [widest] })).code).toBe("RATE_LIMITED");
    });
  });

  test("a duration above 30 days is 400 wherever a limit is stored", async () => {
    const ratelimits = [
      { name: "fits", limit: 1, duration: longestMs },
      { name: "too long", limit: 1, duration: longestMs + 1 },
    ];
    const place = "body.ratelimits[1].duration";
    const externalId = freeName();
    expectRefusal(
      await call("identities.createIdentity", { externalId, ratelimits }),
      "invalid_input",
      place,
    );
    expectRefusal(await call("keys.createKey", { apiId, ratelimits }), "invalid_input", place);
    expect(
      (await call("identities.createIdentity", { externalId, ratelimits: ratelimits.slice(0, 1) })).status,
    ).toBe(200);
    expectRefusal(
      await call("identities.updateIdentity", { identity: externalId, ratelimits }),
      "invalid_input",
      place,
    );
    const one = { namespace: "n", identifier: "i", limit: 1, duration: longestMs + 1 };
    expectRefusal(await call("ratelimit.limit", one), "invalid_input", "body.duration");
  });

  describe("an expiry", () => {
    test("may be in the past, and then the key is expired from the start", async () => {
      for (const expires of [0, 1, server.clock.nowMs - 1]) {
        const { key } = await makeKey({ expires });
        expect(await verify(key)).toMatchObject({ valid: false, code: "EXPIRED", expires });
      }
    });

    test("is exact to the millisecond", async () => {
      const { key } = await makeKey({ expires: server.clock.nowMs });
      expect((await verify(key)).code).toBe("VALID");
      server.clock.advance(1);
      expect((await verify(key)).code).toBe("EXPIRED");
    });

    test("may be the year 2100 and is 400 a millisecond later", async () => {
      expect((await makeKey({ expires: 4_102_444_800_000 })).keyId).toBeString();
      for (const expires of [4_102_444_800_001, 8_640_000_000_000_001, -1, 1.5]) {
        expectRefusal(await call("keys.createKey", { apiId, expires }), "invalid_input", "body.expires");
      }
    });
  });

  describe("credits", () => {
    test("that are unlimited and have a refill are 400", async () => {
      const refill = { interval: "daily", amount: 5 };
      const missing = await call("keys.createKey", { apiId, credits: { refill } });
      expectRefusal(missing, "invalid_input", "body.credits.remaining");
      const unlimited = await call("keys.createKey", { apiId, credits: { remaining: null, refill } });
      expectRefusal(unlimited, "invalid_input", "body.credits.refill");
    });

    test("cannot be raised or lowered without a value", async () => {
      const { keyId } = await makeKey({ credits: { remaining: 1 } });
      for (const operation of ["increment", "decrement"]) {
        for (const rest of [{ value: null }, {}]) {
          const reply = await call("keys.updateCredits", { keyId, operation, ...rest });
          expectRefusal(reply, "invalid_input", "body.value");
        }
      }
    });
  });

  test("an expiration of 2^53 for a rerolled key is 400", async () => {
    const { keyId } = await makeKey();
    const reply = await call("keys.rerollKey", `{"keyId":"${keyId}","expiration":9007199254740992}`);
    expectRefusal(reply, "invalid_input", "body.expiration");
    const tooFar = await call("keys.rerollKey", { keyId, expiration: 9_007_199_254_740_991 });
    expectRefusal(tooFar, "invalid_input", "body.expiration");
  });

  describe("a search", () => {
    const found = async (search: string) =>
      (await dataOf("identities.listIdentities", { search })).map(
        (one: { externalId: string }) => one.externalId,
      );

    test("is literal text, even if it contains wildcards of the database", async () => {
      for (const externalId of ["find_me", "findXme", "FIND-ME"]) {
        await dataOf("identities.createIdentity", { externalId });
      }
      expect(await found("find_me")).toEqual(["find_me"]);
      expect(await found("find-me")).toEqual(["FIND-ME"]);
      expect(await found("FINDx")).toEqual(["findXme"]);
      const odd = [
        "%",
        "fi%",
        "\\",
        "f\\_",
        "[f]",
        "find*",
        "find?",
        "'; --",
        "' or '1'='1",
        "%".repeat(256),
        "\u0130",
      ];
      for (const search of odd) expect(await found(search)).toEqual([]);
      expectRefusal(
        await call("identities.listIdentities", { search: "%".repeat(257) }),
        "invalid_input",
        "body.search",
      );
    });
  });

  describe("a permission query", () => {
    const ask = async (permissions: string) =>
      call("keys.verifyKey", { key: (await makeKey({ permissions: ["a"] })).key, permissions });

    test("nested 33 levels deep is 400, and one of 1,000 characters works", async () => {
      const nested = (levels: number) => `${"(".repeat(levels)}a${")".repeat(levels)}`;
      expect((await ask(nested(32))).body.data.code).toBe("VALID");
      for (const levels of [33, 499])
        expectRefusal(await ask(nested(levels)), "permissions_query_syntax_error");
      expectRefusal(await ask("(".repeat(1000)), "permissions_query_syntax_error");
      expect((await ask(Array.from({ length: 199 }, () => "b").join(" OR "))).body.data.code).toBe(
        "INSUFFICIENT_PERMISSIONS",
      );
      expectRefusal(await ask("a".repeat(1001)), "invalid_input", "body.permissions");
    });

    test.each([" ", "()", "a b", "a AND", "OR a", "(a", "a)", "a AND OR b", "a & b", "NOT a AND", "a;b"])(
      "that cannot be read is 400: %p",
      async (query) => {
        expectRefusal(await ask(query), "permissions_query_syntax_error");
      },
    );
  });

  describe("a cursor", () => {
    const page = (cursor: string, rootKey?: string) =>
      call("identities.listIdentities", { cursor, limit: 1 }, { rootKey });
    const encoded = (text: string) => `cursor_${Buffer.from(text).toString("base64url")}`;

    test.each([
      "",
      "cursor_",
      "garbage!",
      "cursor_eyJrZXkiOiJrZXlfMTI",
      encoded("{}"),
      encoded("[]"),
      encoded("null"),
      encoded('{"key":5}'),
      encoded('{"key":-1}'),
      encoded('{"key":"id_1\' or 1=1 --"}'),
      encoded('{"key":"id_\\u0000"}'),
      encoded('{"key":{"$gt":""}}'),
      "x".repeat(10_240),
    ])("that the server never returned is 400: %p", async (cursor) => {
      expectRefusal(await page(cursor), "invalid_input", "body.cursor");
    });

    test("of another list, another workspace or a deleted row returns only the caller's own items", async () => {
      const other = await server.makeRootKey(["*"], { workspaceId: await server.makeWorkspace() });
      for (let i = 0; i < 2; i += 1) {
        await call("identities.createIdentity", { externalId: `foreign_${i}` }, { rootKey: other });
      }
      const foreign = (await call("identities.listIdentities", { limit: 1 }, { rootKey: other })).body;
      const ours = await page(foreign.pagination.cursor);
      expect(ours.status).toBe(200);
      for (const { externalId } of ours.body.data) expect(externalId).not.toStartWith("foreign_");

      const [gone, next] = [freeName(), freeName()];
      const { identityId } = await dataOf("identities.createIdentity", { externalId: gone });
      await dataOf("identities.createIdentity", { externalId: next });
      await call("identities.deleteIdentity", { identity: gone });
      expect((await page(encoded(JSON.stringify({ key: identityId })))).body.data).toMatchObject([
        { externalId: next },
      ]);
      expect((await page(encoded('{"key":"key_1234"}'))).body).toMatchObject({
        data: [],
        pagination: { hasMore: false },
      });
      expect((await page(encoded('{"key":"api_1234"}'))).status).toBe(200);
    });
  });

  test("the id of a deleted key, of another workspace's key or of a root key is 404, like one that never existed", async () => {
    const other = await server.makeRootKey(["*"], { workspaceId: await server.makeWorkspace() });
    const foreignApi = (await call("apis.createApi", { name: "foreign" }, { rootKey: other })).body.data
      .apiId;
    const foreign = (await call("keys.createKey", { apiId: foreignApi }, { rootKey: other })).body.data.keyId;
    const deleted = (await makeKey()).keyId;
    expect((await call("keys.deleteKey", { keyId: deleted })).status).toBe(200);
    const rootKeyId = JSON.parse(server.log[0] ?? "{}").rootKeyId;
    const replies = [];
    for (const keyId of ["key_0000000000000000000000", foreign, deleted, rootKeyId]) {
      expectRefusal(await call("keys.getKey", { keyId }), "key_not_found");
      const { error } = (await call("keys.getKey", { keyId })).body;
      replies.push(error);
    }
    expect(new Set(replies.map((error) => JSON.stringify(error))).size).toBe(1);
  });

  test("a key is looked up exactly as it was sent", async () => {
    const { key } = await makeKey();
    expect((await verify(key)).code).toBe("VALID");
    const homoglyph = key.replace(/[ABEKMHOPCTXaeopcx]/, "\u0410");
    for (const other of [
      ` ${key}`,
      `${key} `,
      `${key}\n`,
      `\t${key}`,
      homoglyph,
      `${key}\u200b`,
      key.toLowerCase(),
    ]) {
      if (other !== key) expect(await verify(other)).toEqual({ valid: false, code: "NOT_FOUND" });
    }
    expect(await verify("😀".repeat(512))).toEqual({ valid: false, code: "NOT_FOUND" });
    expectRefusal(await call("keys.verifyKey", { key: "😀".repeat(513) }), "invalid_input", "body.key");
    expectRefusal(await call("keys.verifyKey", { key: "" }), "invalid_input", "body.key");
  });

  test("a clock that steps back an hour grants no window twice and returns no odd reset", async () => {
    const { key } = await makeKey();
    const ask = () => verify(key, { ratelimits: [{ name: "inline", limit: 2, duration: 60_000 }] });
    expect((await ask()).code).toBe("VALID");
    const before = server.clock.nowMs;
    server.clock.advance(-hourMs);
    expect((await ask()).code).toBe("VALID");
    const refused = await ask();
    expect(refused.code).toBe("RATE_LIMITED");
    expect(refused.ratelimits[0].remaining).toBe(0);
    expect(refused.ratelimits[0].reset).toBeGreaterThan(0);
    expect(refused.ratelimits[0].reset).toBeLessThanOrEqual(before + 60_000);
    server.clock.advance(hourMs);
  });

  test("a refill on the 31st happens once, on the last day of a shorter month", async () => {
    const refill = { interval: "monthly", amount: 2, refillDay: 31 };
    const { key } = await makeKey({ credits: { remaining: 0, refill } });
    const codes = async () => [(await verify(key)).code, (await verify(key)).code, (await verify(key)).code];
    const empty = ["USAGE_EXCEEDED", "USAGE_EXCEEDED", "USAGE_EXCEEDED"];
    const filled = ["VALID", "VALID", "USAGE_EXCEEDED"];
    const startedAt = server.clock.nowMs;
    for (const [day, expected] of [
      [Date.UTC(2026, 0, 31) - 1, empty],
      [Date.UTC(2026, 0, 31), filled],
      [Date.UTC(2026, 1, 28) - 1, empty],
      [Date.UTC(2026, 1, 28), filled],
      [Date.UTC(2026, 2, 1), empty],
      [Date.UTC(2026, 2, 31) + dayMs / 2, filled],
      [Date.UTC(2028, 1, 29), filled],
    ] as const) {
      server.clock.nowMs = day;
      expect(await codes()).toEqual([...expected]);
    }
    server.clock.nowMs = startedAt;
  });

  test("none of these requests got a 5xx", () => {
    expect(server.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});
