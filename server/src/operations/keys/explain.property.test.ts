import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { engines, startTest, type TestServer } from "../../../test/harness.ts";
import { type Services, startServices } from "../../../test/services.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";

const names = ["own", "both", "shared"] as const;
const slugs = ["docs.read", "docs.write", "docs.*", "admin"];
const queries = [
  "docs.read",
  "docs.read AND docs.write",
  "docs.read AND (docs.write OR admin)",
  "admin OR other",
  "docs.read AND",
];

const addresses = ["192.0.2.9", "::ffff:198.51.100.7", "2001:db8::1", "203.0.113.1"];

const storedLimits = (of: readonly string[]) =>
  fc.uniqueArray(fc.constantFrom(...of), { maxLength: 2 }).chain((chosen) =>
    fc.tuple(
      ...chosen.map((name) =>
        fc.record({
          name: fc.constant(name),
          limit: fc.integer({ min: 1, max: 2 }),
          duration: fc.constantFrom(60_000, 3_600_000),
          autoApply: fc.boolean(),
        }),
      ),
    ),
  );

const keys = fc.record({
  own: storedLimits(["own", "both"]),
  shared: storedLimits(["both", "shared"]),
  ipAllowList: fc.constantFrom(null, null, null, ["192.0.2.0/24"], ["2001:db8::/32", "198.51.100.7"]),
  permissions: fc.subarray(slugs),
  ofRole: fc.subarray(slugs),
  credits: fc.option(fc.nat(4)),
  refill: fc.option(fc.integer({ min: 1, max: 3 })),
  expiresIn: fc.option(fc.constantFrom(-1, 0, 90_000, 7_200_000)),
  enabled: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
});

const requests = fc.record(
  {
    permissions: fc.constantFrom(...queries),
    ip: fc.constantFrom(...addresses, ...addresses, ...addresses, "nowhere"),
    cost: fc.nat(3),
    ratelimits: fc.uniqueArray(
      fc.record(
        { name: fc.constantFrom(...names, "inline", "unknown"), cost: fc.nat(3), isInline: fc.boolean() },
        { requiredKeys: ["name"] },
      ),
      { maxLength: 2, selector: ({ name }) => name },
    ),
    by: fc.constantFrom("key", "keyHash", "keyId"),
    after: fc.constantFrom("nothing", "time", "disable", "enable", "delete"),
  },
  { requiredKeys: ["by", "after"] },
);

type Request = Parameters<Parameters<typeof requests.map>[0]>[0];

const plain: KeyPlan = {
  own: [{ name: "own", limit: 1, duration: 60_000, autoApply: true }],
  shared: [],
  ipAllowList: null,
  permissions: ["docs.read"],
  ofRole: [],
  credits: null,
  refill: null,
  expiresIn: null,
  enabled: true,
};
/** Histories in which each code of a verdict occurs, since a run of random histories may lack one. */
const examples: [KeyPlan, Request[]][] = [
  [
    plain,
    [
      { by: "key", after: "nothing" },
      { by: "keyId", after: "nothing" },
      { by: "key", after: "disable", permissions: "docs.read AND docs.write" },
      { by: "keyHash", after: "delete" },
      { by: "key", after: "nothing" },
    ],
  ],
  [{ ...plain, expiresIn: -1 }, [{ by: "key", after: "nothing" }]],
  [{ ...plain, ipAllowList: ["192.0.2.0/24"] }, [{ by: "key", after: "nothing" }]],
];

/** The body of the verification, without the key. */
function bodyOf({ permissions, ip, cost, ratelimits }: Request): object {
  return {
    ...(permissions === undefined ? {} : { permissions }),
    ...(ip === undefined ? {} : { ip }),
    ...(cost === undefined ? {} : { credits: { cost } }),
    ...(ratelimits === undefined
      ? {}
      : {
          ratelimits: ratelimits.map(({ name, cost, isInline = name === "inline" }) => ({
            name,
            ...(cost === undefined ? {} : { cost }),
            ...(isInline ? { limit: 3, duration: 60_000 } : {}),
          })),
        }),
  };
}

describe.each(
  engines.flatMap((engine) =>
    ["memory", "Redis"].map((counters) => ({ engine, counters, name: engine.name })),
  ),
)("on $name with counters in $counters,", ({ engine, counters }) => {
  let redis: Services | undefined;
  let server: TestServer;
  let space: Workspace;
  let apiId: string;
  beforeAll(async () => {
    if (counters === "Redis") redis = await startServices("redis");
    const url = redis?.environment["TEST_REDIS_URL"];
    server = await startTest({ engine, ...(url === undefined ? {} : { config: { REDIS_URL: url } }) });
    space = await makeWorkspace(server);
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    for (const slug of slugs) await space.data("permissions.createPermission", { name: slug, slug });
  });
  afterAll(async () => {
    await server.stop();
    await redis?.stop();
  });

  let made = 0;
  async function createKey({
    ipAllowList,
    own,
    shared,
    permissions,
    ofRole,
    credits,
    refill,
    expiresIn,
    enabled,
  }: KeyPlan) {
    made += 1;
    const externalId = `user_${made}`;
    await space.data("identities.createIdentity", { externalId, ratelimits: shared });
    const role = `role_${made}`;
    await space.data("permissions.createRole", { name: role, permissions: ofRole });
    return space.data("keys.createKey", {
      apiId,
      externalId,
      ratelimits: own,
      permissions,
      roles: [role],
      ...(ipAllowList === null ? {} : { ipAllowList }),
      enabled,
      ...(credits === null
        ? {}
        : {
            credits: {
              remaining: credits,
              ...(refill === null ? {} : { refill: { interval: "daily", amount: refill } }),
            },
          }),
      ...(expiresIn === null ? {} : { expires: server.clock.nowMs + expiresIn }),
    });
  }

  async function change(keyId: string, after: Request["after"]): Promise<void> {
    if (after === "time" && counters === "memory") server.clock.advance(20_000);
    if (after === "disable") await space.call("keys.updateKey", { keyId, enabled: false });
    if (after === "enable") await space.call("keys.updateKey", { keyId, enabled: true });
    if (after === "delete") await space.call("keys.deleteKey", { keyId });
  }

  /** Expects the verification to fail until the instant that its explanation names, and then to pass. */
  async function expectPass(key: string, body: object, passesAt: number): Promise<void> {
    server.clock.advance(passesAt - server.clock.nowMs - 1);
    expect(await space.data("keys.verifyKey", { ...body, key })).toMatchObject({ valid: false });
    server.clock.advance(1);
    expect(await space.data("keys.verifyKey", { ...body, key })).toMatchObject({ valid: true });
  }

  test("an explanation has the verdict and the errors of the verification that follows it, whatever the key and the request", async () => {
    const codes = new Set<string>();
    const history = async (plan: KeyPlan, list: Request[]): Promise<void> => {
      const { key, keyId } = await createKey(plan);
      const refs: Record<string, string> = { key, keyId, keyHash: server.services.hashKey(key) };
      for (const request of list) {
        const body = bodyOf(request);
        const explained = await space.call("keys.explain", { ...body, [request.by]: refs[request.by] });
        const verified = await space.call("keys.verifyKey", { ...body, key });
        expect(explained.status).toBe(verified.status);
        expect(explained.body.error).toEqual(verified.body.error);
        const { valid, code } = verified.body.data ?? {};
        expect(explained.body.data?.verdict).toEqual(verified.body.data && { valid, code });
        codes.add(code);
        const { passesAt } = explained.body.data ?? {};
        const waits = passesAt !== undefined && counters === "memory" && request.after === "time";
        if (waits) await expectPass(key, body, passesAt);
        await change(keyId, request.after);
      }
    };
    const histories = fc.asyncProperty(keys, fc.array(requests, { minLength: 3, maxLength: 8 }), history);
    await fc.assert(histories, { numRuns: 80, examples });
    for (const code of [
      "VALID",
      "DISABLED",
      "EXPIRED",
      "FORBIDDEN",
      "INSUFFICIENT_PERMISSIONS",
      "RATE_LIMITED",
      "NOT_FOUND",
    ]) {
      expect(codes).toContain(code);
    }
  }, 120_000);
});

type KeyPlan = Parameters<Parameters<typeof keys.map>[0]>[0];
