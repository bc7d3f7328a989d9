import { hashKey } from "../server/src/runtime.ts";
import { type Measured, startGenerator } from "./load.ts";
import { inHundreds, keyMaker, window } from "./scenarios.ts";
import { type Product, startBaseline, startProduct } from "./servers.ts";
import { requestsTo } from "./sides.ts";
import { median } from "./statistics.ts";

/**
 * A point of a curve: medians over the rounds. `throughput` compares the requests per second of Latchkey and the bare
 * runtime, `thread` the processor time of their main threads. In both, 1 means that Latchkey is as fast.
 */
export type Point = { x: number; throughput: number; thread: number; p99Ms: number; bareP99Ms: number };

export type Curve = { name: string; title: string; xName: string; measure(): Promise<Point[]> };

const isQuick = process.argv.includes("--quick");
export const pace = isQuick
  ? { rounds: 3, warmUpMs: 100, measuredMs: 400 }
  : { rounds: 7, warmUpMs: 200, measuredMs: 1_000 };

/** The largest number of keys. With --million, creating them takes some minutes. */
const mostKeys = process.argv.includes("--million") ? 1_000_000 : 100_000;
const decades = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000].filter((count) => count <= mostKeys);
const migrationId = "mig_bench";

export const curves: readonly Curve[] = [
  {
    name: "keys",
    title: "Verification by the number of keys in use",
    xName: "keys, each with an identity and a limit of its own",
    measure: () => byKeys((index) => ({ externalId: `user_${index}`, ratelimits: [limitNamed("requests")] })),
  },
  {
    name: "identity",
    title: "Verification by the number of keys of one identity",
    xName: "keys of one identity with one limit",
    measure: () => byKeys(() => ({ externalId: "user" }), Math.min(mostKeys, 100_000)),
  },
  {
    name: "limits",
    title: "Verification by the number of limits",
    xName: "limits that one verification counts against",
    measure: byLimits,
  },
  {
    name: "tags",
    title: "Verification by the number of tags",
    xName: "tags of each verification",
    measure: byTags,
  },
];

const limitNamed = (name: string) => ({ name, ...window, autoApply: true });
const keyText = (index: number) => `prod_key${String(index).padStart(22, "0")}`;

/** Measures a curve by number of keys: creates all keys, then at each point verifies the first `x` of them in turn. */
async function byKeys(itemOf: (index: number) => object, most = mostKeys): Promise<Point[]> {
  const product = await startProduct({
    seed: (database, workspaceId) =>
      void database.run(
        "insert into keyMigrations (id, workspaceId, algorithm, createdAtMs) values (?, ?, 'sha256', 0)",
        [migrationId, workspaceId],
      ),
  });
  await product.call("identities.createIdentity", {
    externalId: "user",
    ratelimits: [limitNamed("requests")],
  });
  const { apiId } = await product.call<{ apiId: string }>("apis.createApi", { name: "payments" });
  const perCall = 5_000;
  for (let from = 0; from < most; from += perCall) {
    const keys = Array.from({ length: Math.min(perCall, most - from) }, (_, i) => ({
      hash: hashKey(keyText(from + i)),
      ...itemOf(from + i),
    }));
    await product.call("keys.migrateKeys", { migrationId, apiId, keys });
  }
  const counts = decades.filter((count) => count <= most);
  return measureAll(product, counts, async (count) => {
    const bodies = Array.from({ length: count }, (_, index) => ({ key: keyText(index) }));
    await cacheAll(product, bodies);
    return bodies;
  });
}

/** Verifies each key once, so that it is in the cache, as far as the cache has space. */
async function cacheAll(product: Product, bodies: readonly object[]): Promise<void> {
  const batches = Math.ceil(bodies.length / 100);
  await inHundreds(batches, (index) =>
    product.call("keys.verifyKeys", bodies.slice(index * 100, index * 100 + 100)),
  );
}

async function byLimits(): Promise<Point[]> {
  const product = await startProduct();
  const { make } = await keyMaker(product.call, []);
  return measureAll(product, [1, 2, 5, 10, 20, 50], async (count) => {
    const ratelimits = Array.from({ length: count }, (_, index) => limitNamed(`limit_${index}`));
    return [{ key: await make({ ratelimits }) }];
  });
}

async function byTags(): Promise<Point[]> {
  const product = await startProduct();
  const { make } = await keyMaker(product.call);
  const key = await make();
  return measureAll(product, [0, 1, 2, 5, 10, 20], async (count) => {
    const tags = Array.from({ length: count }, (_, index) => `path=/v1/files/${index}`);
    return [count === 0 ? { key } : { key, tags }];
  });
}

/** Measures each point, then stops the server. */
async function measureAll(
  product: Product,
  xs: readonly number[],
  prepare: (x: number) => Promise<object[]>,
): Promise<Point[]> {
  const points: Point[] = [];
  for (const x of xs) points.push(await measure(product, x, await prepare(x)));
  await product.stop();
  return points;
}

/** Measures one point: Latchkey and the bare runtime take turns. */
async function measure(product: Product, x: number, bodies: readonly object[]): Promise<Point> {
  const operation = "keys.verifyKey";
  const sample = await product.callForText(operation, bodies[0] ?? {});
  const baseline = await startBaseline(`/v2/${operation}`, sample);
  const generator = startGenerator();
  const load = requestsTo(product, { operation, bodies, expected: '"code":"VALID"' });
  const bare = { ...load, port: baseline.port, pid: baseline.pid };
  const rounds: { ours: Measured; bare: Measured }[] = [];
  try {
    await generator.run({ ...load, warmUpMs: 0, measuredMs: 1_500, firstNumber: 0 });
    await generator.run({ ...bare, warmUpMs: 0, measuredMs: 500, firstNumber: 0 });
    for (let round = 0; round < pace.rounds; round += 1) {
      const ours = await generator.run({ ...load, ...pace, firstNumber: 0 });
      rounds.push({ ours, bare: await generator.run({ ...bare, ...pace, firstNumber: 0 }) });
    }
  } finally {
    generator.stop();
    await baseline.stop();
  }
  const of = (value: (round: (typeof rounds)[number]) => number) => median(rounds.map(value));
  return {
    x,
    throughput: of(({ ours, bare }) => ours.perSecond / bare.perSecond),
    thread: of(({ ours, bare }) => bare.threadUs / ours.threadUs),
    p99Ms: of(({ ours }) => ours.p99Ms),
    bareP99Ms: of(({ bare }) => bare.p99Ms),
  };
}
