/** Bodies that are not JSON, or that are JSON with two possible meanings. */
import { beforeAll, describe, expect, test } from "bun:test";
import { engines, type Reply } from "../../test/harness.ts";
import { expectRefusal } from "../../test/refusal.ts";
import { testServer } from "../../test/setUp.ts";

describe.each(engines)("on $name", (engine) => {
  const server = testServer({ engine });
  let apiId: string;
  let lastName = 0;
  const freeName = () => {
    lastName += 1;
    return `user_${lastName}`;
  };
  /** A body for createIdentity whose `meta` is this JSON text. */
  const withMeta = (meta: string, name = freeName()) => `{"externalId":"${name}","meta":${meta}}`;
  const create = (body: unknown): Promise<Reply> => server.call("identities.createIdentity", body);
  const read = async (identity: string) =>
    (await server.call("identities.getIdentity", { identity })).body?.data;

  beforeAll(async () => {
    apiId = (await server.call("apis.createApi", { name: "payments" })).body.data.apiId;
  });

  describe("nesting", () => {
    const nested = (levels: number, inner = "0") => "[".repeat(levels) + inner + "]".repeat(levels);

    test.each([100_000, 500_000])("of %d levels is 400 before a tree is built", async (levels) => {
      expectRefusal(await create(nested(levels)), "invalid_input");
      expectRefusal(await create(`{"externalId":${nested(levels, "")}}`), "invalid_input");
      expectRefusal(await create(`${'{"a":'.repeat(levels / 5)}0${"}".repeat(levels / 5)}`), "invalid_input");
    });

    test("of meta may be 32 levels, which come back unchanged, and is 400 at 33", async () => {
      const meta = (levels: number) => `{"a":${nested(levels - 1)}}`;
      const name = freeName();
      expect((await create(withMeta(meta(32), name))).status).toBe(200);
      expect((await read(name)).meta).toEqual(JSON.parse(meta(32)));
      const key = (await server.call("keys.createKey", { apiId, externalId: name })).body.data.key;
      const verified = await server.call("keys.verifyKey", { key });
      expect(verified.body.data.identity.meta).toEqual(JSON.parse(meta(32)));
      expectRefusal(await create(withMeta(meta(33))), "invalid_input");
    });
  });

  test.each([
    ['{"externalId":"first","externalId":"second"}', "body.externalId"],
    ['{"externalId":"first","externalI\\u0064":"second"}', "body.externalId"],
    ['{"externalId":"u","meta":{"a":1,"a":1}}', "body.meta.a"],
    ['{"externalId":"u","meta":{"a":[{"b":1,"c":2,"b":3}]}}', "body.meta.a[0].b"],
    [
      '{"externalId":"u","ratelimits":[{"name":"abc","limit":1,"limit":2,"duration":1000}]}',
      "body.ratelimits[0].limit",
    ],
  ])("a member that is there twice is 400 and named: %s", async (body, location) => {
    expectRefusal(await create(body), "invalid_input", location);
    expect(await read("first")).toBeUndefined();
    expect(await read("second")).toBeUndefined();
  });

  test("names such as __proto__ are plain data in meta, and unknown fields elsewhere", async () => {
    const name = freeName();
    const meta =
      '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"toString":1,"hasOwnProperty":2}';
    expect((await create(withMeta(meta, name))).status).toBe(200);
    const got = await server.call("identities.getIdentity", { identity: name });
    expect(got.text).toContain(`"meta":${meta}`);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
    for (const field of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      const body = `{"externalId":"${freeName()}","${field}":{"externalId":"x"}}`;
      expectRefusal(await create(body), "invalid_input", `body.${field}`);
    }
    expectRefusal(
      await create('{"__proto__":{"externalId":"inherited"}}'),
      "invalid_input",
      "body.externalId",
    );
  });

  describe("an integer", () => {
    const limit = (text: string, name = freeName()) =>
      create(`{"externalId":"${name}","ratelimits":[{"name":"requests","limit":${text},"duration":60000}]}`);
    const place = "body.ratelimits[0].limit";

    test.each(["9007199254740992", "9007199254740993", "9223372036854775807", "1e16", "1e400", "-1e400"])(
      "beyond 2^53 - 1 is 400 and never rounded: %s",
      async (text) => {
        expectRefusal(await limit(text), "invalid_input", place);
        const credits = await server.call(
          "keys.createKey",
          `{"apiId":"${apiId}","credits":{"remaining":${text}}}`,
        );
        expectRefusal(credits, "invalid_input", "body.credits.remaining");
      },
    );

    test("of 2^53 - 1 comes back unchanged", async () => {
      const name = freeName();
      expect((await limit("9007199254740991", name)).status).toBe(200);
      expect((await read(name)).ratelimits[0].limit).toBe(9007199254740991);
      const made = await server.call(
        "keys.createKey",
        `{"apiId":"${apiId}","credits":{"remaining":9007199254740991}}`,
      );
      const verified = await server.call("keys.verifyKey", { key: made.body.data.key });
      expect(verified.body.data.credits).toBe(9007199254740990);
    });

    test.each([
      ["5.0", 5],
      ["1e3", 1000],
      ["1E+3", 1000],
      ["100e-1", 10],
    ])("may be written %s and means %d", async (text, meant) => {
      const name = freeName();
      expect((await limit(text, name)).status).toBe(200);
      expect((await read(name)).ratelimits[0].limit).toBe(meant);
    });

    test.each(["1.5", "1e-3", "-1", "0", '"5"', "true", "[5]", "null", '"5"'])(
      "is not coerced from anything else: %s",
      async (text) => {
        expectRefusal(await limit(text), "invalid_input", place);
      },
    );

    test("is 0 if it is written -0", async () => {
      const { key } = (await server.call("keys.createKey", `{"apiId":"${apiId}","credits":{"remaining":-0}}`))
        .body.data;
      const looked = await server.call("keys.verifyKey", `{"key":"${key}","credits":{"cost":-0}}`);
      expect(looked.body.data).toMatchObject({ valid: true, credits: 0 });
      expect(looked.text).not.toContain("-0");
      const negative = await server.call("keys.verifyKey", `{"key":"${key}","credits":{"cost":-1}}`);
      expectRefusal(negative, "invalid_input", "body.credits.cost");
    });
  });

  test.each([
    ["NaN", '{"externalId":NaN}'],
    ["Infinity", '{"externalId":Infinity}'],
    ["a comment", '{"externalId":"u" /* no */}'],
    ["a trailing comma", '{"externalId":"u",}'],
    ["single quotes", "{'externalId':'u'}"],
    ["a name without quotes", '{externalId:"u"}'],
    ["two values", '{"externalId":"u"}{"externalId":"v"}'],
    ["no end", '{"externalId":"u"'],
    ["a leading zero", '{"externalId":"u","ratelimits":[{"name":"abc","limit":01,"duration":1000}]}'],
    ["a raw line break in a text", '{"externalId":"u\n"}'],
    ["a broken escape", '{"externalId":"\\x41"}'],
    ["a byte order mark", '\ufeff{"externalId":"u"}'],
    ["white space", " \n\t"],
    ["nothing", ""],
  ])("a body with %s is 400", async (_, body) => {
    expectRefusal(await create(body), "invalid_input", "body");
    expect(await read("u")).toBeUndefined();
  });

  test.each(["[]", '"x"', "null", "true", "5", "[[]]", '[{"externalId":"u"}]'])(
    "a body that is not an object is 400: %s",
    async (body) => {
      expectRefusal(await create(body), "invalid_input", "body");
    },
  );

  test.each([
    ["externalId", "5"],
    ["externalId", "null"],
    ["meta", "null"],
    ["meta", "[]"],
    ["meta", '"{}"'],
    ["ratelimits", "null"],
    ["ratelimits", "{}"],
    ["ratelimits", '""'],
  ])("no value is coerced: %s as %s", async (field, text) => {
    const rest = field === "externalId" ? "" : `"externalId":"${freeName()}",`;
    expectRefusal(await create(`{${rest}"${field}":${text}}`), "invalid_input", `body.${field}`);
  });

  test("a string is not accepted as a boolean, nor null as an omitted field", async () => {
    for (const [field, text] of [
      ["enabled", '"true"'],
      ["enabled", "1"],
      ["enabled", "null"],
      ["expires", "null"],
      ["externalId", "null"],
      ["recoverable", '"false"'],
    ] as const) {
      const body = `{"apiId":"${apiId}","${field}":${text}}`;
      expectRefusal(await server.call("keys.createKey", body), "invalid_input", `body.${field}`);
    }
  });

  describe("an unknown field", () => {
    test("is 400 anywhere in the body, with a suggestion if an allowed name is close", async () => {
      const cases: [operation: string, body: unknown, location: string, fix: RegExp][] = [
        [
          "identities.createIdentity",
          { externalId: "u", metadata: {} },
          "body.metadata",
          /allowed fields: externalId/,
        ],
        [
          "identities.createIdentity",
          { externalld: "u", externalId: "v" },
          "body.externalld",
          /"externalId"/,
        ],
        [
          "identities.createIdentity",
          { external_id: "u", externalId: "v" },
          "body.external_id",
          /"externalId"/,
        ],
        [
          "identities.createIdentity",
          { externalId: "u", ratelimits: [{ name: "abc", limit: 1, duration: 1000, autoaply: true }] },
          "body.ratelimits[0].autoaply",
          /"autoApply"/,
        ],
        ["identities.getIdentity", { identity: "u", identityId: "u" }, "body.identityId", /./],
        ["identities.listIdentities", { limt: 5 }, "body.limt", /"limit"/],
        ["identities.updateIdentity", { identity: "u", Meta: {} }, "body.Meta", /"meta"/],
        ["identities.deleteIdentity", { identity: "u", force: true }, "body.force", /identity/],
        ["apis.createApi", { name: "payments", Name: "p" }, "body.Name", /"name"/],
        ["apis.getApi", { apiId, id: 1 }, "body.id", /./],
        ["keys.createKey", { apiId, ownerId: "u" }, "body.ownerId", /./],
        ["keys.createKey", { apiId, credits: { remaining: 1, refil: {} } }, "body.credits.refil", /"refill"/],
        [
          "keys.createKey",
          { apiId, credits: { remaining: 1, refill: { interval: "daily", amount: 1, refilDay: 1 } } },
          "body.credits.refill.refilDay",
          /"refillDay"/,
        ],
        ["keys.verifyKey", { key: "k", apiId }, "body.apiId", /./],
        ["keys.verifyKey", { key: "k", credits: { costs: 1 } }, "body.credits.costs", /"cost"/],
        [
          "keys.verifyKey",
          { key: "k", ratelimits: [{ name: "abc", weight: 1 }] },
          "body.ratelimits[0].weight",
          /./,
        ],
      ];
      for (const [operation, body, location, fix] of cases) {
        const error = expectRefusal(await server.call(operation, body), "invalid_input", location);
        expect(error.errors?.find((flaw) => flaw.location === location)?.fix).toMatch(fix);
      }
    });

    test("is allowed inside meta", async () => {
      const name = freeName();
      const meta = {
        anything: [{ goes: null }, 1.5, "", false],
        "": {},
        "a.b c": "✓",
        ext: { ratelimits: 5 },
      };
      expect((await create({ externalId: name, meta })).status).toBe(200);
      expect((await read(name)).meta).toEqual(meta);
    });
  });

  describe("half a character", () => {
    test.each(["\\ud800", "\\udc00", "a\\udbff", "\\ud83d\\ud83d", "\\udc00\\ud800"])(
      "is 400 wherever it stands: %s",
      async (text) => {
        expectRefusal(await create(`{"externalId":"${text}"}`), "invalid_input", "body.externalId");
        expectRefusal(await create(withMeta(`{"a":["${text}"]}`)), "invalid_input", "body.meta.a[0]");
        expectRefusal(await create(withMeta(`{"${text}":1}`)), "invalid_input");
        const key = await server.call("keys.verifyKey", `{"key":"${text}"}`);
        expectRefusal(key, "invalid_input", "body.key");
        const name = await server.call("apis.createApi", `{"name":"abc${text}"}`);
        expectRefusal(name, "invalid_input", "body.name");
      },
    );

    test("is fine if its other half follows", async () => {
      const name = freeName();
      expect((await create(withMeta('{"a":"\\ud83d\\ude00"}', name))).status).toBe(200);
      expect((await read(name)).meta).toEqual({ a: "😀" });
    });

    test("as raw bytes is 400, and so is everything else that is not UTF-8", async () => {
      for (const bytes of [
        [0xed, 0xa0, 0x80],
        [0xff],
        [0xc3],
        [0xc0, 0x80],
        [0xf8, 0x88, 0x80, 0x80, 0x80],
      ]) {
        const body = Buffer.concat([
          Buffer.from(`{"externalId":"${freeName()}","meta":{"a":"`),
          Uint8Array.from(bytes),
          Buffer.from('"}}'),
        ]);
        const response = await fetch(`${server.url}/v2/identities.createIdentity`, {
          method: "POST",
          headers: { Authorization: `Bearer ${server.rootKey}`, "Content-Type": "application/json" },
          body,
        });
        expectRefusal({ status: response.status, body: await response.json() }, "invalid_input", "body");
      }
    });
  });

  test("NUL is 400 anywhere in the body, escaped or raw", async () => {
    for (const nul of ["\\u0000", "\u0000"]) {
      expectRefusal(await create(`{"externalId":"a${nul}b"}`), "invalid_input");
      expectRefusal(await create(withMeta(`{"a":"${nul}"}`)), "invalid_input");
      expectRefusal(await create(withMeta(`{"${nul}":1}`)), "invalid_input");
      expectRefusal(await server.call("keys.verifyKey", `{"key":"k${nul}"}`), "invalid_input", "body.key");
      expectRefusal(
        await server.call("apis.createApi", `{"name":"abc${nul}"}`),
        "invalid_input",
        "body.name",
      );
    }
  });

  test("none of these requests got a 5xx", () => {
    expect(server.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});
