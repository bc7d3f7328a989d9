import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { engines, type Reply, startTest, type TestServer } from "../../../test/harness.ts";
import { type Services, startServices } from "../../../test/services.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";
import { insertMigration } from "../../storage/queries/keys/migrations.ts";

const hourMs = 3_600_000;
const auto = (name: string, limit: number) => ({ name, limit, duration: hourMs, autoApply: true });

/** Generates the first value in most cases. So most of the keys can be used, and most verifications count and spend. */
const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

/** The test compares twins: two workspaces with the same keys. This is what one of their keys is like. */
const keyShape = fc.record({
  isOfUser: mostly(true, false),
  api: mostly("visible", "hidden"),
  credits: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined, freq: 4 }),
  limit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined, freq: 1 }),
  enabled: mostly(true, false),
  isExpired: mostly(false, true),
});
type KeyShape = typeof keyShape extends fc.Arbitrary<infer T> ? T : never;

const ratelimit = fc.record(
  {
    name: fc.constantFrom("own", "shared", "inline", "nowhere"),
    cost: fc.integer({ min: 0, max: 3 }),
    limit: fc.integer({ min: 1, max: 4 }),
    duration: fc.constant(hourMs),
  },
  { requiredKeys: ["name"] },
);
const anything = fc.record(
  {
    permissions: fc.constantFrom("doc.read", "doc.read AND doc.write", "doc.read OR", "x"),
    credits: fc.record({ cost: fc.integer({ min: 0, max: 3 }) }),
    ratelimits: fc.uniqueArray(ratelimit, { maxLength: 2, selector: ({ name }) => name }),
    tags: fc.constant(["t"]),
    migrationId: fc.constantFrom("the migration", "mig_none"),
    autoApply: fc.boolean(),
    unknown: fc.constant(1),
  },
  { requiredKeys: [] },
);
const migrating = { migrationId: "the migration" };
/**
 * `key` is an index: of one of the three created keys, of the migrated key (3), or of a key that does not exist (4).
 */
const entry = fc.oneof(
  { weight: 8, arbitrary: fc.record({ key: fc.nat(2), more: mostly({}, { permissions: "x" }) }) },
  { weight: 3, arbitrary: fc.record({ key: fc.nat(2), more: anything }) },
  { weight: 2, arbitrary: fc.record({ key: fc.constant(3), more: fc.constantFrom({}, migrating) }) },
  { weight: 1, arbitrary: fc.record({ key: fc.constant(4), more: anything }) },
);
const twins = fc.record({
  user: fc.integer({ min: 1, max: 6 }),
  shapes: fc.array(keyShape, { minLength: 3, maxLength: 3 }),
  batches: fc.array(fc.array(entry, { minLength: 1, maxLength: 12 }), { minLength: 2, maxLength: 2 }),
});

type Twin = {
  space: Workspace;
  rootKey: string;
  apiIds: string[];
  keyIds: string[];
  keys: string[];
  migrationId: string;
};

const migratedKey = "twin_short_longtoken";

/** Creates a workspace with these keys. Its root key may verify only the keys of one api. */
async function makeTwin(server: TestServer, user: number, shapes: readonly KeyShape[]): Promise<Twin> {
  const space = await makeWorkspace(server);
  const migrationId = server.services.newId("mig");
  const algorithm = "github.com/seamapi/prefixed-api-key";
  await server.services.engine.transaction((tx) =>
    insertMigration(tx, { id: migrationId, workspaceId: space.id, algorithm, nowMs: server.clock.nowMs }),
  );
  const apis = {
    visible: (await space.data("apis.createApi", { name: "visible" })).apiId,
    hidden: (await space.data("apis.createApi", { name: "hidden" })).apiId,
  };
  const ratelimits = [auto("shared", user)];
  await space.data("identities.createIdentity", { externalId: "user", ratelimits });
  const made = [];
  for (const [index, shape] of shapes.entries()) made.push(await makeKey(server, space, apis, shape, index));
  const hash = createHash("sha256").update("longtoken").digest("hex");
  const keys = [{ hash, name: "migrated", credits: { remaining: 2 } }];
  await space.data("keys.migrateKeys", { migrationId, apiId: apis.visible, keys });
  return {
    space,
    rootKey: await space.keyWith(`api.${apis.visible}.verify_key`),
    apiIds: [apis.visible, apis.hidden],
    keyIds: made.map(({ keyId }) => keyId),
    keys: [...made.map(({ key }) => key), migratedKey],
    migrationId,
  };
}

async function makeKey(
  { clock }: TestServer,
  space: Workspace,
  apis: Record<string, string>,
  { isOfUser, api, credits, limit, enabled, isExpired }: KeyShape,
  index: number,
): Promise<{ keyId: string; key: string }> {
  return space.data("keys.createKey", {
    apiId: apis[api],
    name: `key ${index}`,
    enabled,
    permissions: ["doc.read"],
    ...(isOfUser ? { externalId: "user" } : {}),
    ...(credits === undefined ? {} : { credits: { remaining: credits } }),
    ...(limit === undefined ? {} : { ratelimits: [auto("own", limit)] }),
    ...(isExpired ? { expires: clock.nowMs - 1 } : {}),
  });
}

/** The body of this entry for one twin. */
function bodyFor({ keys, migrationId }: Twin, { key, more }: { key: number; more: Record<string, unknown> }) {
  const given = more["migrationId"] === "the migration" ? { ...more, migrationId } : more;
  return { key: keys[key] ?? "no_such_key", ...given };
}

/** The credits that are left in the twin, and the usage that it has counted. */
async function stateOf({ space, apiIds, keyIds }: Twin) {
  const keys = await Promise.all(keyIds.map((keyId) => space.data("keys.getKey", { keyId })));
  const used = await Promise.all(apiIds.map((apiId) => space.data("analytics.getUsage", { apiId })));
  return { credits: keys.map(({ credits }) => credits), used: used.map(({ totals }) => totals) };
}

/** The value without what always differs between the twins: ids, and `reset`, since Redis has its own clock. */
function alike(value: unknown): unknown {
  const text = JSON.stringify(value, (name, inner) => (name === "reset" ? undefined : inner));
  return JSON.parse(text.replace(/\b([a-z]+)_[0-9A-Za-z]{22}\b/g, "$1"));
}

const alone = ({ body }: Reply) => (body.error === undefined ? { data: body.data } : { error: body.error });

const backends = [{ backend: "memory" }, { backend: "Redis" }];

describe.each(engines)("on $name,", (engine) => {
  describe.each(backends)("with counters in $backend,", ({ backend }) => {
    let redis: Services | undefined;
    let server: TestServer;
    beforeAll(async () => {
      if (backend === "Redis") redis = await startServices("redis");
      const url = redis?.environment["TEST_REDIS_URL"];
      server = await startTest({ engine, ...(url === undefined ? {} : { config: { REDIS_URL: url } }) });
    });
    afterAll(async () => {
      await server.stop();
      await redis?.stop();
    });

    /**
     * Returns how often the server has lost Redis or found it again. On a busy machine, Redis may respond too late. The
     * counters then start anew, so the test skips such a run.
     */
    const redisChanges = () => server.log.filter((line) => line.includes('"event":"redis_')).length;

    test("a batch has the results, and leaves behind the state, of its entries sent one after the other", async () => {
      await fc.assert(
        fc.asyncProperty(twins, async ({ user, shapes, batches }) => {
          const changesBefore = redisChanges();
          const [one, other] = await Promise.all([
            makeTwin(server, user, shapes),
            makeTwin(server, user, shapes),
          ]);
          for (const batch of batches) {
            const body = batch.map((entry) => bodyFor(one, entry));
            const together = await one.space.data("keys.verifyKeys", body, { rootKey: one.rootKey });
            const inTurn = [];
            for (const entry of batch) {
              const { rootKey } = other;
              const reply = await other.space.call("keys.verifyKey", bodyFor(other, entry), { rootKey });
              inTurn.push(alone(reply));
            }
            fc.pre(redisChanges() === changesBefore);
            expect(alike(together)).toEqual(alike(inTurn));
          }
          const states = [alike(await stateOf(one)), alike(await stateOf(other))];
          expect(states[0]).toEqual(states[1]);
        }),
        { numRuns: 25 },
      );
    }, 60_000);
  });

  describe("with counters in memory,", () => {
    const server = testServer({ engine });
    const space = testWorkspace(server);
    const makeKeys = async (count: number, more: object) => {
      const { apiId } = await space.data("apis.createApi", { name: "api" });
      const keys: string[] = [];
      for (let index = 0; index < count; index += 1) {
        keys.push((await space.data("keys.createKey", { apiId, ...more })).key);
      }
      return keys;
    };

    test("a body that is not an array of 1 to 100 entries fails as a whole", async () => {
      const [key = ""] = await makeKeys(1, {});
      expect(await space.flaws("keys.verifyKeys", [])).toEqual(["body"]);
      expect(await space.flaws("keys.verifyKeys", { key })).toEqual(["body"]);
      expect(await space.flaws("keys.verifyKeys", Array(101).fill({ key }))).toEqual(["body"]);
      expect(await space.data("keys.verifyKeys", Array(100).fill({ key }))).toHaveLength(100);
    });

    test("the credits of a batch are spent in one transaction, whatever limits its keys share", async () => {
      const ratelimits = [auto("requests", 100)];
      await space.data("identities.createIdentity", { externalId: "user", ratelimits });
      const keys = await makeKeys(8, { externalId: "user", credits: { remaining: 10 } });
      const body = [...keys, ...keys].map((key) => ({ key }));
      await space.data("keys.verifyKeys", body);
      const { engine } = server.services;
      const { transaction } = engine;
      let transactions = 0;
      engine.transaction = (work, options) => {
        transactions += 1;
        return transaction.call(engine, work as never, options) as never;
      };
      const results = await space.data("keys.verifyKeys", body);
      engine.transaction = transaction;
      expect(results.map(({ data }: { data: { credits: number } }) => data.credits)).toEqual([
        ...keys.map(() => 7),
        ...keys.map(() => 6),
      ]);
      expect(transactions).toBe(1);
    });

    test("an entry that finds the database failing has the error itself, and the others have their outcomes", async () => {
      const [limited = "", free = ""] = [
        ...(await makeKeys(1, { credits: { remaining: 10 } })),
        ...(await makeKeys(1, {})),
      ];
      const body = [{ key: limited }, { key: free }];
      await space.data("keys.verifyKeys", body);
      const { engine } = server.services;
      const { transaction } = engine;
      engine.transaction = () => Promise.reject(new Error("a canary"));
      const [refused, valid] = await space.data("keys.verifyKeys", body);
      engine.transaction = transaction;
      expect(refused.error).toMatchObject({ status: 500, title: "Internal Server Error" });
      expect(valid.data).toMatchObject({ valid: true });
      const [logged] = server.log.filter((line) => line.includes('"event":"entry"'));
      expect(JSON.parse(logged ?? "{}")).toMatchObject({ level: "error", code: "unexpected_error" });
      expect(logged).not.toContain("canary");
    });
  });
});
