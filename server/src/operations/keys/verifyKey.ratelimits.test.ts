import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

const minuteMs = 60_000;
const limit = (name: string, more = {}) => ({ name, limit: 5, duration: minuteMs, ...more });
const auto = (name: string, more = {}) => limit(name, { autoApply: true, ...more });

type Limit = { name: string; remaining: number; exceeded: boolean; reset: number };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const createKey = async (body: object = {}) =>
    (await space.data("keys.createKey", { apiId, ...body })) as { keyId: string; key: string };
  const createIdentity = (externalId: string, ratelimits: object[]) =>
    space.data("identities.createIdentity", { externalId, ratelimits });
  const verify = (key: string, ratelimits?: object[], more = {}) =>
    space.data("keys.verifyKey", { key, ...(ratelimits && { ratelimits }), ...more });
  /** what each limit has left, read without counting */
  const look = async (key: string, names: string[]) => {
    const { ratelimits } = await verify(
      key,
      names.map((name) => ({ name, cost: 0 })),
      { credits: { cost: 0 } },
    );
    return Object.fromEntries(ratelimits.map((one: Limit) => [one.name, one.remaining]));
  };

  test("a limit with autoApply is counted and returned, one without it is neither", async () => {
    const { key, keyId } = await createKey({ ratelimits: [auto("always"), limit("asked")] });
    const [{ id }] = (await space.data("keys.getKey", { keyId })).ratelimits;
    const { nowMs } = server.clock;
    expect((await verify(key)).ratelimits).toEqual([
      {
        id,
        name: "always",
        limit: 5,
        duration: minuteMs,
        reset: nowMs + minuteMs,
        remaining: 4,
        exceeded: false,
        autoApply: true,
      },
    ]);
    expect(await look(key, ["asked"])).toEqual({ asked: 5, always: 3 });
  });

  test("named limits are counted in addition to those with autoApply, at the costs of the request", async () => {
    const { key } = await createKey({ ratelimits: [auto("always"), limit("asked")] });
    await verify(key, [{ name: "asked", cost: 3 }]);
    expect(await look(key, ["always", "asked"])).toEqual({ always: 4, asked: 2 });
    await verify(key, [{ name: "always", cost: 2 }, { name: "asked" }]);
    expect(await look(key, ["always", "asked"])).toEqual({ always: 2, asked: 1 });
    expect((await verify(key, [])).ratelimits).toHaveLength(1);
  });

  test("a cost of 0 reads the state and counts nothing, even if nothing is left", async () => {
    const { key } = await createKey({ ratelimits: [limit("api", { limit: 2 })] });
    const at = async (cost: number) => verify(key, [{ name: "api", cost }]);
    expect(await at(0)).toMatchObject({ code: "VALID", ratelimits: [{ remaining: 2, exceeded: false }] });
    expect(await at(2)).toMatchObject({ code: "VALID", ratelimits: [{ remaining: 0 }] });
    expect(await at(0)).toMatchObject({ code: "VALID", ratelimits: [{ remaining: 0, exceeded: false }] });
    expect(await at(1)).toMatchObject({
      code: "RATE_LIMITED",
      ratelimits: [{ remaining: 0, exceeded: true }],
    });
  });

  test("a cost above the limit is refused and counts nothing, and the response has the true remaining cost", async () => {
    const { key } = await createKey({ ratelimits: [limit("api")] });
    for (const cost of [6, 2 ** 53 - 1]) {
      expect(await verify(key, [{ name: "api", cost }])).toMatchObject({
        valid: false,
        code: "RATE_LIMITED",
        ratelimits: [{ remaining: 5, exceeded: true }],
      });
    }
    expect(await verify(key, [{ name: "api", cost: 5 }])).toMatchObject({ ratelimits: [{ remaining: 0 }] });
  });

  test("a full limit passes again when what filled it has left its window, and not before", async () => {
    const { key } = await createKey({ ratelimits: [auto("api", { limit: 1 })] });
    expect(await verify(key)).toMatchObject({ code: "VALID" });
    const full = await verify(key);
    expect(full).toMatchObject({ code: "RATE_LIMITED", ratelimits: [{ exceeded: true, remaining: 0 }] });
    server.clock.advance(minuteMs - 1);
    expect(await verify(key)).toMatchObject({ code: "RATE_LIMITED" });
    server.clock.advance(1 + minuteMs / 60);
    expect(full.ratelimits[0].reset).toBeLessThanOrEqual(server.clock.nowMs);
    expect(await verify(key)).toMatchObject({ code: "VALID" });
  });

  test("an inline limit belongs to the key, has no id, and is not stored", async () => {
    const { key } = await createKey();
    const other = await createKey();
    const inline = [limit("inline", { limit: 2 })];
    const first = await verify(key, inline);
    expect(first.ratelimits).toEqual([
      {
        id: "",
        name: "inline",
        limit: 2,
        duration: minuteMs,
        reset: server.clock.nowMs + minuteMs,
        remaining: 1,
        exceeded: false,
        autoApply: false,
      },
    ]);
    await verify(key, inline);
    expect(await verify(key, inline)).toMatchObject({ code: "RATE_LIMITED" });
    expect(await verify(other.key, inline)).toMatchObject({ code: "VALID", ratelimits: [{ remaining: 1 }] });
  });

  test("an inline limit overrides a stored one of the same name, and shares the key's counter", async () => {
    await createIdentity("user_123", [auto("shared")]);
    const { key } = await createKey({ externalId: "user_123", ratelimits: [auto("api")] });
    const { ratelimits } = await verify(key, [limit("api", { limit: 10 }), limit("shared", { limit: 10 })]);
    expect(ratelimits).toHaveLength(2);
    expect(ratelimits).toMatchObject([
      { id: "", limit: 10, remaining: 9 },
      { id: "", limit: 10, remaining: 9 },
    ]);
    expect(await look(key, ["api"])).toEqual({ api: 4, shared: 4 });
  });

  describe("what cannot be counted is refused, never skipped:", () => {
    test("a name that is neither stored nor fully described is 412", async () => {
      const { key } = await createKey({ ratelimits: [limit("api")] });
      for (const name of ["API", "api ", "unknown"]) {
        const { status, body } = await space.call("keys.verifyKey", {
          key,
          ratelimits: [{ name: "api" }, { name, cost: 0 }],
        });
        expect(status).toBe(412);
        expect(body.error.type).toEndWith("/unkey/application/precondition_failed");
        expect(body.error.detail).toContain("body.ratelimits[1]");
      }
      expect(await look(key, ["api"])).toEqual({ api: 5 });
    });

    test.each([
      ["a limit alone", { limit: 5 }, "body.ratelimits[0]"],
      ["a duration alone", { duration: minuteMs }, "body.ratelimits[0]"],
      ["a limit of 0", { limit: 0, duration: minuteMs }, "body.ratelimits[0].limit"],
      ["a negative limit", { limit: -1, duration: minuteMs }, "body.ratelimits[0].limit"],
      ["a window below a second", { limit: 5, duration: 999 }, "body.ratelimits[0].duration"],
      ["a window of 0", { limit: 5, duration: 0 }, "body.ratelimits[0].duration"],
      ["a window beyond 30 days", { limit: 5, duration: 2_592_000_001 }, "body.ratelimits[0].duration"],
      ["a negative cost", { limit: 5, duration: minuteMs, cost: -1 }, "body.ratelimits[0].cost"],
      ["a field that is not known", { limit: 5, duration: minuteMs, costs: 1 }, "body.ratelimits[0].costs"],
    ])("%s is 400", async (_, given, location) => {
      const { key } = await createKey();
      expect(await space.flaws("keys.verifyKey", { key, ratelimits: [{ name: "new", ...given }] })).toEqual([
        location,
      ]);
    });

    test("a window that is too long is 400 whatever the key is", async () => {
      const ratelimits = [limit("api"), limit("new", { duration: 2_592_000_001 })];
      expect(await space.flaws("keys.verifyKey", { key: "none", ratelimits })).toEqual([
        "body.ratelimits[1].duration",
      ]);
    });

    test("a repeated name is 400 at its second place", async () => {
      const { key } = await createKey({ ratelimits: [limit("api")] });
      const ratelimits = [{ name: "api" }, { name: "other", limit: 5, duration: 1_000 }, { name: "api" }];
      expect(await space.flaws("keys.verifyKey", { key, ratelimits })).toEqual(["body.ratelimits[2].name"]);
    });

    test("at most 50 limits are counted at once", async () => {
      const { key } = await createKey();
      const many = (count: number) => Array.from({ length: count }, (_, i) => limit(`limit_${i}`));
      expect((await verify(key, many(50))).ratelimits).toHaveLength(50);
      expect(await space.flaws("keys.verifyKey", { key, ratelimits: many(51) })).toEqual(["body.ratelimits"]);
    });
  });

  test("a lone limit or duration for a stored name leaves the stored ones in force", async () => {
    const { key } = await createKey({ ratelimits: [limit("api")] });
    for (const more of [{ limit: 100 }, { duration: 1_000 }]) {
      const { ratelimits } = await verify(key, [{ name: "api", ...more }]);
      expect(ratelimits).toMatchObject([{ limit: 5, duration: minuteMs }]);
    }
    expect(await look(key, ["api"])).toEqual({ api: 3 });
  });

  test("the key's own limit is counted, and its identity's limit of the same name is neither counted nor shown", async () => {
    await createIdentity("user_123", [auto("api", { limit: 50 }), auto("other", { limit: 50 })]);
    const { key } = await createKey({ externalId: "user_123", ratelimits: [auto("api", { limit: 1 })] });
    const bare = await createKey({ externalId: "user_123" });
    const response = await verify(key);
    expect(response.identity.ratelimits).toMatchObject([{ name: "other" }]);
    expect(response.ratelimits.find(({ name }: Limit) => name === "api")).toMatchObject({ limit: 1 });
    expect(await verify(key)).toMatchObject({ code: "RATE_LIMITED" });
    expect(await look(bare.key, ["api", "other"])).toEqual({ api: 50, other: 49 });
  });

  test("a key's limit without autoApply still overrides its identity's limit with it", async () => {
    await createIdentity("user_123", [auto("api")]);
    const { key } = await createKey({ externalId: "user_123", ratelimits: [limit("api")] });
    expect(await verify(key)).not.toHaveProperty("ratelimits");
  });

  test("an identity's counters are shared by its keys in every api; a key's are its own", async () => {
    const elsewhere = await space.data("apis.createApi", { name: "elsewhere" });
    await createIdentity("user_123", [auto("shared", { limit: 3 })]);
    await createIdentity("user_456", [auto("shared", { limit: 3 })]);
    const own = { externalId: "user_123", ratelimits: [auto("own", { limit: 3 })] };
    const [first, second] = [await createKey(own), await createKey({ ...own, apiId: elsewhere.apiId })];
    const stranger = await createKey({ ...own, externalId: "user_456" });
    await verify(first.key);
    await verify(second.key);
    expect(await look(first.key, ["own", "shared"])).toEqual({ own: 2, shared: 1 });
    await verify(second.key);
    expect(await verify(first.key)).toMatchObject({
      code: "RATE_LIMITED",
      ratelimits: expect.arrayContaining([
        expect.objectContaining({ name: "own", remaining: 2, exceeded: false }),
      ]),
    });
    expect(await look(stranger.key, ["own", "shared"])).toEqual({ own: 3, shared: 3 });
  });

  test("several limits are counted together or not at all", async () => {
    const { key } = await createKey({
      ratelimits: [auto("first"), auto("second", { limit: 2 }), auto("third")],
    });
    await verify(key);
    await verify(key);
    const refused = await verify(key);
    expect(refused).toMatchObject({ code: "RATE_LIMITED" });
    expect(refused.ratelimits.map(({ name, exceeded }: Limit) => [name, exceeded])).toEqual([
      ["first", false],
      ["second", true],
      ["third", false],
    ]);
    const zero = ["first", "second", "third"].map((name) => ({ name, cost: 0 }));
    const { ratelimits } = await verify(key, zero);
    expect(ratelimits.map(({ remaining }: Limit) => remaining)).toEqual([3, 0, 3]);
  });

  test("a changed limit keeps its counter; a changed duration or name starts an empty one", async () => {
    await createIdentity("user_123", [auto("shared")]);
    const { key } = await createKey({ externalId: "user_123" });
    const remaining = async () => (await verify(key)).ratelimits[0].remaining;
    const change = (given: object) =>
      space.data("identities.updateIdentity", { identity: "user_123", ratelimits: [given] });
    expect(await remaining()).toBe(4);
    await change(auto("shared", { limit: 10 }));
    expect(await remaining()).toBe(8);
    await change(auto("shared", { limit: 2 }));
    expect(await verify(key)).toMatchObject({ code: "RATE_LIMITED", ratelimits: [{ remaining: 0 }] });
    await change(auto("shared", { limit: 3 }));
    expect(await remaining()).toBe(0);
    await change(auto("shared", { duration: 2 * minuteMs }));
    expect(await remaining()).toBe(4);
    await change(auto("renamed"));
    expect(await remaining()).toBe(4);
  });

  test("64 connections at once never exceed a limit, and use all of it", async () => {
    await createIdentity("user_123", [auto("shared", { limit: 40 })]);
    const keys = await Promise.all(Array.from({ length: 4 }, () => createKey({ externalId: "user_123" })));
    const codes: Record<string, number> = {};
    const caller = async (socket: number) => {
      for (let i = 0; i < 3; i += 1) {
        const { code } = await verify(keys[(socket + i) % 4]?.key ?? "");
        codes[code] = (codes[code] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, socket) => caller(socket)));
    expect(codes).toEqual({ VALID: 40, RATE_LIMITED: 152 });
  });
});
