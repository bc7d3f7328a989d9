import type { Database } from "bun:sqlite";
import { encodeCursor } from "../server/src/domain/cursor.ts";
import { startServices } from "../server/test/services.ts";
import { otherWorkloads } from "./others/workloads.ts";
import { quotaWorkloads } from "./quotaWorkloads.ts";
import { redisWorkloads } from "./redisWorkloads.ts";
import { scenarios } from "./scenarios.ts";
import { type Product, startProduct } from "./servers.ts";
import {
  againstBaseline,
  countedBy,
  expectEqual,
  externalId,
  huge,
  makeKeys,
  type Prepared,
  sharedLimit,
  sideOf,
  type Verdict,
  type Workload,
} from "./sides.ts";

type Identity = { externalId: string; ratelimits: unknown[] };

export const workloads: Record<string, Workload> = {
  verify: { title: "keys.verifyKey, one shared limit, the same key", prepare: () => verify(1, 0.6) },
  "verify-keys": {
    title: "keys.verifyKey, one shared limit, 10,000 keys one after another",
    prepare: () => verify(10_000),
  },
  "verify-uncached": {
    title: "keys.verifyKey, 10,000 keys whose identity keeps changing, so that few are cached",
    prepare: () => verifyUncached(),
  },
  "verify-uncached-postgres": {
    title: "keys.verifyKey, 10,000 keys of which few are cached, on PostgreSQL",
    prepare: verifyUncachedOnPostgres,
  },
  "verify-query": { title: "keys.verifyKey, a permission query and three limits", prepare: verifyQuery },
  "verify-credits": { title: "keys.verifyKey, durable credits", prepare: verifyCredits },
  "verify-search": {
    title: "keys.verifyKey at 2,000 a second while 1,000,000 identities are searched",
    prepare: verifySearch,
  },
  ...Object.fromEntries(["limit", "create", "create-key", "get", "update", "batch"].map(ofScenario)),
  list: { title: "identities.listIdentities, 100 of 100,000", prepare: listIdentities },
  ...quotaWorkloads,
  ...redisWorkloads,
  ...otherWorkloads,
};

/** A workload that compares a scenario on Latchkey with the bare runtime. */
function ofScenario(name: string): [string, Workload] {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`There is no scenario "${name}" in bench/scenarios.ts.`);
  const prepare = async () => {
    const product = await startProduct();
    const { operation, bodies, expected } = await scenario.prepare(product.call);
    const prepared = await againstBaseline(product, operation, bodies, expected, {});
    return { ...prepared, notes: [`one fdatasync takes ${product.measureFsyncMs().toFixed(3)} ms`] };
  };
  return [name, { title: scenario.title, prepare }];
}

async function verify(
  keyCount: number,
  target?: number,
  environment: Record<string, string> = {},
): Promise<Prepared & { product: Product }> {
  const product = await startProduct({ environment });
  const keys = await makeKeys(product, keyCount, [{ ...sharedLimit("requests"), autoApply: true }]);
  for (const key of keys) await product.call("keys.verifyKey", { key }); // puts the keys into the cache
  const bodies = keys.map((key) => ({ key }));
  const prepared = await againstBaseline(product, "keys.verifyKey", bodies, '"code":"VALID"', {
    ...(target === undefined ? {} : { target }),
    count: () => countedBy(product, keys[0] ?? "", "requests"),
  });
  return { ...prepared, product };
}

async function verifyUncached(environment: Record<string, string> = {}): Promise<Prepared> {
  const prepared = await verify(10_000, undefined, environment);
  const change = async () => {
    await prepared.product.call("identities.updateIdentity", { identity: externalId, meta: { plan: "pro" } });
    await Bun.sleep(20);
  };
  const sides = prepared.sides.map((side) =>
    side.label === "product" ? { ...side, meanwhile: change } : side,
  );
  return { ...prepared, sides };
}

/**
 * `verifyUncached` on PostgreSQL, which may use both cores. There is one node, which counts in memory, so there is no
 * Redis.
 */
async function verifyUncachedOnPostgres(): Promise<Prepared> {
  const { TEST_DATABASE_URL: _, ...surroundings } = process.env;
  const services = await startServices("postgres", surroundings);
  const { TEST_DATABASE_URL = "" } = services.environment;
  const prepared = await verifyUncached({ DATABASE_URL: TEST_DATABASE_URL, ALLOW_LOCAL_COUNTERS: "true" });
  return {
    ...prepared,
    async stop() {
      await prepared.stop();
      await services.stop();
    },
  };
}

async function verifyQuery(): Promise<Prepared> {
  const product = await startProduct();
  const shared = ["requests", "tokens"].map((name) => ({ ...sharedLimit(name), autoApply: true }));
  const [key = ""] = await makeKeys(product, 1, shared, {
    permissions: ["documents.read", "documents.write", "billing.*"],
    ratelimits: [{ ...sharedLimit("exports"), autoApply: true }],
  });
  const body = { key, permissions: "documents.read AND (billing.invoices.read OR admin)" };
  return againstBaseline(product, "keys.verifyKey", [body], '"code":"VALID"', {
    target: 0.5,
    count: () => countedBy(product, key, "exports"),
  });
}

async function verifyCredits(): Promise<Prepared> {
  const product = await startProduct();
  const [key = ""] = await makeKeys(product, 1, [], { credits: { remaining: huge } });
  const fsyncMs = product.measureFsyncMs();
  const prepared = await againstBaseline(product, "keys.verifyKey", [{ key }], '"code":"VALID"', {
    target: 0.45,
    async count() {
      const { credits } = await product.call<Verdict>("keys.verifyKey", { key, credits: { cost: 0 } });
      return huge - credits;
    },
  });
  const caveat = fsyncMs <= 0.2 ? "" : ", and the target applies to 0.2 ms or less";
  return { ...prepared, notes: [`one fdatasync takes ${fsyncMs.toFixed(3)} ms${caveat}`] };
}

async function listIdentities(): Promise<Prepared> {
  const rows = 100_000;
  const product = await startProduct({
    seed(database, workspaceId) {
      insertIdentities(database, workspaceId, rows);
      insertRatelimits(database, workspaceId);
    },
  });
  const first = { limit: 100 };
  const deep = { limit: 100, cursor: encodeCursor(identityId(rows - 5_000)) };
  const page = await product.call<Identity[]>("identities.listIdentities", deep);
  if (page.at(0)?.externalId !== `user_${rows - 4_999}` || page.at(0)?.ratelimits.length !== 1) {
    throw new Error(`The deep page begins with an unexpected identity: ${JSON.stringify(page.at(0))}`);
  }
  const prepared = await againstBaseline(
    product,
    "identities.listIdentities",
    [first],
    `"externalId":"user_100"`,
    {},
  );
  const firstPage = {
    ...sideOf(product, "identities.listIdentities", [first], `"user_100"`),
    label: "first page",
  };
  const deepPage = {
    ...sideOf(product, "identities.listIdentities", [deep], `"user_${rows - 4_901}"`),
    label: "deep page",
  };
  return {
    ...prepared,
    sides: [...prepared.sides.slice(0, 1), firstPage, deepPage],
    comparisons: [
      { of: "first page", to: "baseline", by: "perSecond" },
      { of: "deep page", to: "first page", by: "perSecond", atLeast: 1 / 1.5, atMost: 1.5 },
    ],
  };
}

async function verifySearch(): Promise<Prepared> {
  const rows = 1_000_000;
  const product = await startProduct({
    seed: (database, workspaceId) => insertIdentities(database, workspaceId, rows),
  });
  const [key = ""] = await makeKeys(product, 1, [{ ...sharedLimit("requests"), autoApply: true }]);
  const quiet = sideOf(product, "keys.verifyKey", [{ key }], '"code":"VALID"');
  const paced = { ...quiet, load: { ...quiet.load, perSecond: 2_000 } };
  const search = async () => {
    const found = await searchAll(product, `USER_${rows}`);
    if (found !== 1) throw new Error(`A search for one identity found ${found} identities.`);
  };
  const before = await countedBy(product, key, "requests");
  return {
    sides: [
      { ...paced, label: "quiet" },
      { ...paced, label: "searching", meanwhile: search },
    ],
    comparisons: [{ of: "searching", to: "quiet", by: "p99Ms", atMost: 2 }],
    notes: [],
    async check(responses) {
      const counted = (await countedBy(product, key, "requests")) - before;
      expectEqual(counted, (responses.get("quiet") ?? 0) + (responses.get("searching") ?? 0));
    },
    stop: () => product.stop(),
  };
}

/** How many identities a search finds, over all pages. A page can be empty although a later page is not. */
async function searchAll(product: Product, search: string): Promise<number> {
  let found = 0;
  let cursor: string | undefined;
  do {
    const text = await product.callForText("identities.listIdentities", {
      search,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const page = JSON.parse(text) as { data: Identity[]; pagination?: { cursor?: string } };
    found += page.data.length;
    cursor = page.pagination?.cursor;
  } while (cursor !== undefined);
  return found;
}

function identityId(number: number): string {
  return `id_${String(number).padStart(22, "0")}`;
}

/** Inserts the identities `user_1`, `user_2` and so on. Their ids have the same order. */
function insertIdentities(database: Database, workspaceId: string, count: number): void {
  database.run(
    `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${count})
    insert into identities (id, workspaceId, externalId, meta, createdAtMs)
    select printf('id_%022d', n), ?, 'user_' || n, '{"plan":"pro"}', 0 from numbers`,
    [workspaceId],
  );
}

/** Inserts one limit for each identity. */
function insertRatelimits(database: Database, workspaceId: string): void {
  database.run(
    `insert into ratelimits (id, workspaceId, ownerId, position, name, "limit", durationMs, autoApply)
    select 'rl_' || substr(id, 4), ?, id, 0, 'requests', 1000, 60000, 1 from identities`,
    [workspaceId],
  );
}
