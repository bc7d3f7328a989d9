/**
 * `npm run cluster`: starts a PostgreSQL, a Redis and three nodes. Shows that a limit holds across all nodes, how soon
 * every node refuses a deleted key, and what happens while Redis hangs. Exits with 1 if a result is not the expected
 * one, and removes everything that it created. `npm run cluster -- --keep` keeps the nodes running until Ctrl-C.
 */
import { followNpm } from "../server/bin/npmAbove.mjs";
import { type Node, newRootKey, startNode } from "../server/test/nodes/node.ts";
import { startServices } from "../server/test/services.ts";
import { until } from "../server/test/until.ts";
import { ensurePrograms } from "./needs.mjs";

type Print = (text: string) => void;

/** Three running nodes, and the Redis in which they share their counters. */
export type Cluster = {
  nodes: readonly Node[];
  rootKey: string;
  /** SIGSTOP pauses Redis, SIGCONT resumes it */
  signalRedis(name: "SIGSTOP" | "SIGCONT"): void;
  stop(): Promise<void>;
};

const nodeCount = 3;
const socketsPerNode = 32;

/** Starts PostgreSQL, Redis and the nodes. Errors: if a node does not start, stops all others and throws its error. */
export async function startCluster(environment: Record<string, string> = {}): Promise<Cluster> {
  const { TEST_DATABASE_URL: _, TEST_REDIS_URL: __, ...own } = process.env;
  const services = await startServices("postgres redis", own);
  const { TEST_DATABASE_URL: databaseUrl = "", TEST_REDIS_URL, TEST_REDIS_PID } = services.environment;
  const rootKey = newRootKey();
  const settings = { REDIS_URL: TEST_REDIS_URL ?? "", ALLOW_LOCAL_COUNTERS: "", ...environment };
  const start = () => startNode({ databaseUrl, rootKey, environment: settings });
  const starts = await Promise.allSettled(Array.from({ length: nodeCount }, start));
  const nodes = starts.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    await services.stop();
  };
  const failed = starts.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { nodes, rootKey, signalRedis: (name) => process.kill(Number(TEST_REDIS_PID), name), stop };
}

/**
 * Runs the three parts of the demonstration, and stops at the first unexpected result. Returns whether all results were
 * as expected.
 */
export async function showCluster(cluster: Cluster, print: Print): Promise<boolean> {
  const { apiId } = await data(cluster, 0, "apis.createApi", { name: "payments" });
  for (const part of [sharedLimit, revocation, hungRedis]) {
    if (await part(cluster, String(apiId), print)) continue;
    print("   This is not the expected result.");
    return false;
  }
  print("All results are as expected.");
  return true;
}

async function sharedLimit(cluster: Cluster, apiId: string, print: Print): Promise<boolean> {
  const limit = 1_000;
  print(
    `1. One user has five keys, which share a limit of ${limit} requests a minute. ${nodeCount * socketsPerNode} connections send ${
      3 * limit
    } verifications to the three nodes.`,
  );
  return exactly(cluster, apiId, limit, print);
}

/**
 * Returns whether the nodes together admit exactly `limit` requests. The limit is exact only while Redis responds
 * within 25 ms. If Redis took longer, tries again with another user, at most 5 times in total.
 */
async function exactly(cluster: Cluster, apiId: string, limit: number, print: Print): Promise<boolean> {
  const tries = 5;
  for (let attempt = 1; ; attempt += 1) {
    const keys = await makeUser(cluster, apiId, limit, 5);
    const lateBefore = await sumOf(cluster, "latchkey_local_decisions_total");
    const startedAt = performance.now();
    const admitted = await admittedBy(cluster, keys, limit);
    const tookMs = Math.round(performance.now() - startedAt);
    const late = (await sumOf(cluster, "latchkey_local_decisions_total")) - lateBefore;
    if (late > 0 && attempt < tries) {
      print(
        `   Redis responded too late for ${late} verifications, because this machine is busy. Trying again with another user.`,
      );
      continue;
    }
    admitted.forEach((count, index) => {
      print(`   node ${index + 1} admitted ${count}`);
    });
    print(`   together ${sum(admitted)} of ${limit}, in ${tookMs} ms\n`);
    return sum(admitted) === limit;
  }
}

const revokedWithinMs = 5_000;

async function revocation(cluster: Cluster, apiId: string, print: Print): Promise<boolean> {
  print("2. All nodes have a key in their caches. Then it is deleted on node 1.");
  const { keyId, key } = await data(cluster, 0, "keys.createKey", { apiId });
  const isValid = async (node: number) => (await data(cluster, node, "keys.verifyKey", { key }))["valid"];
  const known = await Promise.all(cluster.nodes.map((_, node) => isValid(node)));
  await data(cluster, 0, "keys.deleteKey", { keyId });
  const deletedAt = performance.now();
  const refusedAfterMs = await Promise.all(
    cluster.nodes.map(async (_, node) => {
      await until(async () => (await isValid(node)) === false, 2 * revokedWithinMs);
      const afterMs = Math.round(performance.now() - deletedAt);
      print(`   node ${node + 1} refuses the key ${afterMs} ms after the response to the deletion`);
      return afterMs;
    }),
  );
  print("");
  return known.every(Boolean) && Math.max(...refusedAfterMs) <= revokedWithinMs;
}

async function hungRedis(cluster: Cluster, apiId: string, print: Print): Promise<boolean> {
  const limit = 100;
  const share = Math.ceil(limit / nodeCount);
  // Every five seconds, each node counts how many nodes there are, and its share of a limit depends on that number.
  // Waits until each of the nodes has counted all of them. The numbers then add up to `nodeCount` squared.
  await until(async () => (await sumOf(cluster, "latchkey_nodes")) === nodeCount ** 2, 30_000);
  print(
    `3. Redis is paused with SIGSTOP. Each node now admits only its share of a limit of ${limit}: ⌈${limit}/${nodeCount}⌉ = ${share}.`,
  );
  const keys = await makeUser(cluster, apiId, limit, 3);
  cluster.signalRedis("SIGSTOP");
  let granted: number[];
  try {
    granted = await admittedBy(cluster, keys, limit);
  } finally {
    cluster.signalRedis("SIGCONT");
  }
  granted.forEach((count, index) => {
    print(`   node ${index + 1} admitted ${count}`);
  });
  const recovered = cluster.nodes.map((_, node) =>
    until(() => isCountedInRedis(cluster, node, keys), 20_000),
  );
  await Promise.all(recovered);
  const more = sum(await admittedBy(cluster, keys, limit));
  print(`   Redis resumes. The nodes report to Redis what they admitted, and admit ${more} more.`);
  print("   The limit of another user is exact again:");
  const exact = await exactly(cluster, apiId, limit, print);
  return granted.every((count) => count === share) && more === 0 && exact;
}

/** Whether the node counts in Redis again: after a verification, its number of decisions without Redis is unchanged. */
async function isCountedInRedis(cluster: Cluster, node: number, [key]: readonly string[]): Promise<boolean> {
  const decided = () => cluster.nodes[node]?.metric("latchkey_local_decisions_total");
  const before = await decided();
  await data(cluster, node, "keys.verifyKey", { key });
  return before === (await decided());
}

/** Creates a user with a limit per minute, and returns its keys, which share that limit. */
async function makeUser(cluster: Cluster, apiId: string, limit: number, keys: number): Promise<string[]> {
  const externalId = crypto.randomUUID();
  const ratelimits = [{ name: "requests", limit, duration: 60_000, autoApply: true }];
  await data(cluster, 0, "identities.createIdentity", { externalId, ratelimits });
  const made = Array.from({ length: keys }, () => data(cluster, 0, "keys.createKey", { apiId, externalId }));
  return (await Promise.all(made)).map(({ key }) => String(key));
}

/**
 * Sends `perNode` verifications to each node at the same time, over many connections. Returns how many each
 * node admitted.
 */
function admittedBy(cluster: Cluster, keys: readonly string[], perNode: number): Promise<number[]> {
  return Promise.all(
    cluster.nodes.map(async (_, node) => {
      let sent = 0;
      let admitted = 0;
      const socket = async () => {
        while (sent < perNode) {
          const key = keys[sent % keys.length];
          sent += 1;
          if ((await data(cluster, node, "keys.verifyKey", { key }))["valid"] === true) admitted += 1;
        }
      };
      await Promise.all(Array.from({ length: socketsPerNode }, socket));
      return admitted;
    }),
  );
}

async function data(cluster: Cluster, node: number, operation: string, body: object) {
  const reply = await cluster.nodes[node]?.call(operation, body);
  if (reply?.status !== 200)
    throw new Error(`${operation} on node ${node + 1} returned ${reply?.status}: ${reply?.text}`);
  return reply.body.data as Record<string, unknown>;
}

async function sumOf({ nodes }: Cluster, metric: string): Promise<number> {
  return sum(await Promise.all(nodes.map((node) => node.metric(metric))));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Returns the exit code. */
async function main(words: readonly string[]): Promise<number> {
  const keep = words.includes("--keep");
  if (words.some((word) => word !== "--keep")) {
    console.error(
      "The only option is --keep. Run `npm run cluster`, or `npm run cluster -- --keep` to keep the nodes running until Ctrl-C.",
    );
    return 1;
  }
  const obstacle = ensurePrograms(["postgresql", "redis-server", "procps"]);
  if (obstacle !== undefined) {
    console.error(obstacle);
    return 1;
  }
  const interrupted = new Promise<number>((resolve) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(name, () => resolve(130));
    followNpm(() => resolve(130));
  });
  setInterval(() => undefined, 60_000); // keeps this process alive; running child processes alone do not
  const cluster = await startCluster();
  try {
    console.log("Started PostgreSQL, Redis and three nodes:");
    console.log(`${cluster.nodes.map(({ url }) => url).join(", ")}\n`);
    const shown = showCluster(cluster, console.log).then((isAsExpected) => (isAsExpected ? 0 : 1));
    const code = await Promise.race([shown, interrupted]);
    if (!keep || code !== 0) return code;
    console.log(`The nodes run until Ctrl-C. Their root key: ${cluster.rootKey}`);
    await interrupted;
    return code;
  } finally {
    await cluster.stop();
  }
}

function failed(error: unknown): number {
  console.error((error as Error).message);
  return 1;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)).catch(failed));
