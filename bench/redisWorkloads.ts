import { startServices } from "../server/test/services.ts";
import { cores } from "./cores.ts";
import { newRootKey, type Product, startBaseline, startProduct, startRedis } from "./servers.ts";
import {
  countedBy,
  expectEqual,
  makeKeys,
  type Prepared,
  type Side,
  sharedLimit,
  sideOf,
  type Workload,
} from "./sides.ts";

export const redisWorkloads: Record<string, Workload> = {
  redis: { title: "keys.verifyKey, one shared limit, counted in Redis", prepare: verify },
  "redis-p99": {
    title: "keys.verifyKey at 8,000 a second, counted in memory or in Redis",
    prepare: latency,
  },
  "redis-nodes": {
    title: "keys.verifyKey on one node or two, with PostgreSQL and Redis",
    prepare: nodes,
  },
};

/** A Latchkey server with one key that has a shared limit. `before`: how much of the limit was used before the load. */
type Counted = { product: Product; key: string; before: number };

async function counted(environment: Record<string, string> = {}): Promise<Counted> {
  const product = await startProduct({ environment });
  const [key = ""] = await makeKeys(product, 1, [{ ...sharedLimit("requests"), autoApply: true }]);
  return { product, key, before: await countedBy(product, key, "requests") };
}

function verifying(label: string, { product, key }: Counted, alsoPids: readonly number[] = []): Side {
  const side = sideOf(product, "keys.verifyKey", [{ key }], '"code":"VALID"');
  return { label, load: { ...side.load, alsoPids } };
}

async function checkCount({ product, key, before }: Counted, expected: number | undefined): Promise<void> {
  expectEqual((await countedBy(product, key, "requests")) - before, expected ?? 0);
}

/**
 * Compares Latchkey with the bare runtime in two ways. Redis is either on the server's core, and its processor time is
 * added to the server's, or on the generator's core.
 */
async function verify(): Promise<Prepared> {
  const near = await startRedis(cores.server);
  const far = await startRedis(cores.generator);
  const same = await counted({ REDIS_URL: near.url });
  const other = await counted({ REDIS_URL: far.url });
  const sample = await same.product.callForText("keys.verifyKey", { key: same.key });
  same.before += 1;
  const baseline = await startBaseline("/v2/keys.verifyKey", sample);
  const bare = verifying("baseline", same);
  return {
    sides: [
      { ...bare, load: { ...bare.load, port: baseline.port, pid: baseline.pid } },
      verifying("same core", same, [near.pid()]),
      verifying("other core", other),
    ],
    comparisons: [
      { of: "same core", to: "baseline", by: "perSecond", atLeast: 0.28 },
      { of: "other core", to: "baseline", by: "perSecond", atLeast: 0.42 },
    ],
    notes: [],
    async check(responses) {
      await checkCount(same, responses.get("same core"));
      await checkCount(other, responses.get("other core"));
    },
    stop: () => stopAll(same.product, other.product, baseline, near, far),
  };
}

async function latency(): Promise<Prepared> {
  const redis = await startRedis(cores.generator);
  const inMemory = await counted();
  const inRedis = await counted({ REDIS_URL: redis.url });
  const paced = ({ label, load }: Side): Side => ({ label, load: { ...load, perSecond: 8_000 } });
  return {
    sides: [paced(verifying("memory", inMemory)), paced(verifying("redis", inRedis))],
    comparisons: [{ of: "redis", to: "memory", by: "p99Ms", atMostMore: 2 }],
    notes: [],
    async check(responses) {
      await checkCount(inMemory, responses.get("memory"));
      await checkCount(inRedis, responses.get("redis"));
    },
    stop: () => stopAll(inMemory.product, inRedis.product, redis),
  };
}

/**
 * Compares one node with two by processor time, including Redis's. Throughput cannot grow, because both nodes share a
 * core.
 */
async function nodes(): Promise<Prepared> {
  const { TEST_DATABASE_URL: _, ...surroundings } = process.env;
  const services = await startServices("postgres", surroundings);
  const redis = await startRedis(cores.server);
  const environment = {
    DATABASE_URL: services.environment["TEST_DATABASE_URL"] ?? "",
    REDIS_URL: redis.url,
  };
  const rootKey = newRootKey();
  const first = await startProduct({ environment, rootKey });
  const second = await startProduct({ environment, rootKey });
  const [key = ""] = await makeKeys(first, 1, [{ ...sharedLimit("requests"), autoApply: true }]);
  const both: Counted = { product: first, key, before: await countedBy(first, key, "requests") };
  const alone = verifying("one node", both, [redis.pid()]);
  const alsoPids = [second.pid, redis.pid()];
  return {
    sides: [alone, { label: "two nodes", load: { ...alone.load, alsoPorts: [second.port], alsoPids } }],
    comparisons: [{ of: "one node", to: "two nodes", by: "threadUs", atLeast: 0.8 }],
    notes: [
      "two nodes handle at least 1.6 times as much as one node if a decision costs them at most 1/0.8 of its cost on one node",
    ],
    check: (responses) =>
      checkCount(both, (responses.get("one node") ?? 0) + (responses.get("two nodes") ?? 0)),
    stop: () => stopAll(first, second, redis, services),
  };
}

async function stopAll(...running: readonly { stop(): Promise<void> }[]): Promise<void> {
  for (const one of running) await one.stop();
}
