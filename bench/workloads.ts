import type { Database } from "bun:sqlite";
import { encodeCursor } from "../server/src/domain/cursor.ts";
import { type Load, numberMark } from "./load.ts";
import { type Product, type Server, startBaseline, startProduct } from "./servers.ts";

/** One of the things whose speeds are compared, measured in turn with the others. */
export type Side = {
  label: string;
  load: Omit<Load, "warmUpMs" | "measuredMs" | "firstNumber">;
  /** repeated, one at a time, for as long as the side is measured */
  meanwhile?: () => Promise<void>;
};

/** `of` divided by `to`, and what it is held to. */
export type Comparison = {
  of: string;
  to: string;
  by: "perSecond" | "p99Ms";
  atLeast?: number;
  atMost?: number;
};

export type Prepared = {
  sides: readonly Side[];
  comparisons: readonly Comparison[];
  /** what else should be known about the figures */
  notes: readonly string[];
  /** Errors: `Error` where the server does not remember just as many requests as `answers` says each side had. */
  check(answers: ReadonlyMap<string, number>): Promise<void>;
  stop(): Promise<void>;
};

export type Workload = { title: string; prepare(): Promise<Prepared> };

const connections = 64;
const huge = 1_000_000_000_000;
const hourMs = 3_600_000;
/** of the identity that keys are made for */
const externalId = "owner";

export const workloads: Record<string, Workload> = {
  verify: { title: "keys.verifyKey, one shared limit, the same key", prepare: () => verify(1, 0.55) },
  "verify-keys": {
    title: "keys.verifyKey, one shared limit, 10,000 keys in turn",
    prepare: () => verify(10_000),
  },
  "verify-uncached": {
    title: "keys.verifyKey, 10,000 keys whose identity changes again and again, so that few are cached",
    prepare: verifyUncached,
  },
  "verify-query": { title: "keys.verifyKey, a permission query and three limits", prepare: verifyQuery },
  "verify-credits": { title: "keys.verifyKey, durable credits", prepare: verifyCredits },
  "verify-search": {
    title: "keys.verifyKey at 2,000 a second while 1,000,000 identities are searched",
    prepare: verifySearch,
  },
  create: { title: "identities.createIdentity with two limits", prepare: createIdentity },
  list: { title: "identities.listIdentities, 100 of 100,000", prepare: listIdentities },
};

async function verify(keyCount: number, target?: number): Promise<Prepared & { product: Product }> {
  const product = await startProduct();
  const keys = await makeKeys(product, keyCount, [{ ...sharedLimit("requests"), autoApply: true }]);
  for (const key of keys) await product.call("keys.verifyKey", { key }); // from now on they are cached
  const bodies = keys.map((key) => ({ key }));
  const prepared = await againstBaseline(product, "keys.verifyKey", bodies, '"code":"VALID"', {
    ...(target === undefined ? {} : { target }),
    count: () => countedBy(product, keys[0] ?? "", "requests"),
  });
  return { ...prepared, product };
}

async function verifyUncached(): Promise<Prepared> {
  const prepared = await verify(10_000);
  const change = async () => {
    await prepared.product.call("identities.updateIdentity", { identity: externalId, meta: { plan: "pro" } });
    await Bun.sleep(20);
  };
  const sides = prepared.sides.map((side) =>
    side.label === "product" ? { ...side, meanwhile: change } : side,
  );
  return { ...prepared, sides };
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
    target: 0.45,
    count: () => countedBy(product, key, "exports"),
  });
}

async function verifyCredits(): Promise<Prepared> {
  const product = await startProduct();
  const [key = ""] = await makeKeys(product, 1, [], { credits: { remaining: huge } });
  const fsyncMs = product.measureFsyncMs();
  const prepared = await againstBaseline(product, "keys.verifyKey", [{ key }], '"code":"VALID"', {
    target: 0.3,
    async count() {
      const { credits } = await product.call<Verdict>("keys.verifyKey", { key, credits: { cost: 0 } });
      return huge - credits;
    },
  });
  const meaning = fsyncMs <= 0.2 ? "" : ", and the target is meant for 0.2 ms or less";
  return { ...prepared, notes: [`one fdatasync takes ${fsyncMs.toFixed(3)} ms${meaning}`] };
}

async function createIdentity(): Promise<Prepared> {
  const product = await startProduct();
  const body = (externalId: string) => ({
    externalId,
    meta: { plan: "pro" },
    ratelimits: [sharedLimit("requests"), { ...sharedLimit("tokens"), autoApply: true }],
  });
  await product.call("identities.createIdentity", body("user_first"));
  const prepared = await againstBaseline(
    product,
    "identities.createIdentity",
    [body(`user_${numberMark}`)],
    '"identityId":"id_',
    {},
  );
  const notes = [`one fdatasync takes ${product.measureFsyncMs().toFixed(3)} ms`];
  return { ...prepared, notes };
}

async function listIdentities(): Promise<Prepared> {
  const rows = 100_000;
  const product = await startProduct((database, workspaceId) => {
    insertIdentities(database, workspaceId, rows);
    insertRatelimits(database, workspaceId);
  });
  const first = { limit: 100 };
  const deep = { limit: 100, cursor: encodeCursor(identityId(rows - 5_000)) };
  const page = await product.call<Identity[]>("identities.listIdentities", deep);
  if (page.at(0)?.externalId !== `user_${rows - 4_999}` || page.at(0)?.ratelimits.length !== 1) {
    throw new Error(`a deep page begins with ${JSON.stringify(page.at(0))}`);
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
  const product = await startProduct((database, workspaceId) =>
    insertIdentities(database, workspaceId, rows),
  );
  const [key = ""] = await makeKeys(product, 1, [{ ...sharedLimit("requests"), autoApply: true }]);
  const quiet = sideOf(product, "keys.verifyKey", [{ key }], '"code":"VALID"');
  const paced = { ...quiet, load: { ...quiet.load, perSecond: 2_000 } };
  const search = async () => {
    const found = await product.call<Identity[]>("identities.listIdentities", { search: `USER_${rows}` });
    if (found.length !== 1) throw new Error(`a search for one identity found ${found.length}`);
  };
  const before = await countedBy(product, key, "requests");
  return {
    sides: [
      { ...paced, label: "quiet" },
      { ...paced, label: "searching", meanwhile: search },
    ],
    comparisons: [{ of: "searching", to: "quiet", by: "p99Ms", atMost: 2 }],
    notes: [],
    async check(answers) {
      const counted = (await countedBy(product, key, "requests")) - before;
      expectEqual(counted, (answers.get("quiet") ?? 0) + (answers.get("searching") ?? 0));
    },
    stop: () => product.stop(),
  };
}

type Verdict = { credits: number; ratelimits: { name: string; remaining: number }[] };
type Identity = { externalId: string; ratelimits: unknown[] };

type Held = {
  target?: number;
  /** how many requests the product remembers */
  count?: () => Promise<number>;
};

/** The product beside the bare runtime that gives the same answer to the same requests. */
async function againstBaseline(
  product: Product,
  operation: string,
  bodies: readonly object[],
  expected: string,
  { target, count }: Held,
): Promise<Prepared> {
  const sample = await product.answer(operation, numbered(bodies[0] ?? {}));
  const baseline = await startBaseline(`/v2/${operation}`, sample);
  const before = await count?.();
  const side = sideOf(product, operation, bodies, expected);
  return {
    sides: [
      { label: "baseline", load: { ...side.load, port: baseline.port, pid: baseline.pid } },
      { ...side, label: "product" },
    ],
    comparisons: [
      {
        of: "product",
        to: "baseline",
        by: "perSecond",
        ...(target === undefined ? {} : { atLeast: target }),
      },
    ],
    notes: [],
    async check(answers) {
      if (count === undefined || before === undefined) return;
      expectEqual((await count()) - before, answers.get("product") ?? 0);
    },
    async stop() {
      await Promise.all([product.stop(), baseline.stop()]);
    },
  };
}

/** A body whose number is one that the load will not use. */
function numbered(body: object): object {
  return JSON.parse(JSON.stringify(body).replace(numberMark, "sample")) as object;
}

function sideOf(
  server: Server & { rootKey: string },
  operation: string,
  bodies: readonly object[],
  expected: string,
) {
  return {
    label: "product",
    load: {
      port: server.port,
      pid: server.pid,
      path: `/v2/${operation}`,
      rootKey: server.rootKey,
      bodies: bodies.map((body) => JSON.stringify(body)),
      expected,
      connections,
    },
  };
}

function expectEqual(counted: number, answered: number): void {
  if (counted !== answered) throw new Error(`${answered} requests were answered, but ${counted} counted`);
}

function sharedLimit(name: string) {
  return { name, limit: huge, duration: hourMs };
}

/** Keys of one identity that has these limits; `more` are further members of createKey. */
async function makeKeys(product: Product, count: number, ratelimits: object[], more = {}): Promise<string[]> {
  const meta = { plan: "pro", email: "alice@example.com" };
  await product.call("identities.createIdentity", { externalId, meta, ratelimits });
  const { apiId } = await product.call<{ apiId: string }>("apis.createApi", { name: "payments" });
  const body = { apiId, externalId, prefix: "prod", name: "a key", ...more };
  const keys: string[] = [];
  while (keys.length < count) {
    const some = Array.from({ length: Math.min(100, count - keys.length) }, async () => {
      const { key } = await product.call<{ key: string }>("keys.createKey", body);
      return key;
    });
    keys.push(...(await Promise.all(some)));
  }
  return keys;
}

/** How much of a huge limit is used, asked without using it. */
async function countedBy(product: Product, key: string, name: string): Promise<number> {
  const { ratelimits } = await product.call<Verdict>("keys.verifyKey", {
    key,
    ratelimits: [{ name, cost: 0 }],
  });
  return huge - (ratelimits.find((one) => one.name === name)?.remaining ?? Number.NaN);
}

function identityId(number: number): string {
  return `id_${String(number).padStart(22, "0")}`;
}

/** `user_1` and so on, with ids in the same order. */
function insertIdentities(database: Database, workspaceId: string, count: number): void {
  database.run(
    `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${count})
    insert into identities (id, workspaceId, externalId, meta, createdAtMs)
    select printf('id_%022d', n), ?, 'user_' || n, '{"plan":"pro"}', 0 from numbers`,
    [workspaceId],
  );
}

/** One limit for each identity. */
function insertRatelimits(database: Database, workspaceId: string): void {
  database.run(
    `insert into ratelimits (id, workspaceId, ownerId, position, name, "limit", durationMs, autoApply)
    select 'rl_' || substr(id, 4), ?, id, 0, 'requests', 1000, 60000, 1 from identities`,
    [workspaceId],
  );
}
