import { postgres } from "../harness.ts";
import { type Node, newRootKey, startNode } from "./node.ts";

/** Three nodes that share a PostgreSQL and a Redis. */
export type RedisCluster = {
  nodes: readonly Node[];
  /**
   * Sends a call to the node with the number `at` (modulo the number of nodes), and returns the `data`. Throws if the
   * status is not 200.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as in the harness, a test reads what it expects
  data(at: number, operation: string, body: unknown): Promise<any>;
  /** Returns the sum of a metric over all nodes. */
  sum(metric: string): Promise<number>;
  /** Returns the value of a metric on each node. */
  each(metric: string): Promise<number[]>;
  /** Creates an identity with these limits, and returns its keys. */
  makeUser(ratelimits: readonly Limit[], keys: number): Promise<string[]>;
  stop(): Promise<void>;
};

export type Limit = { name: string; limit: number; duration: number };

export async function startRedisCluster(redisUrl: string): Promise<RedisCluster> {
  const databaseUrl = await postgres.url("");
  const rootKey = newRootKey();
  const environment = { REDIS_URL: redisUrl, ALLOW_LOCAL_COUNTERS: "" };
  const nodes = await Promise.all([1, 2, 3].map(() => startNode({ databaseUrl, rootKey, environment })));
  const data: RedisCluster["data"] = async (at, operation, body) => {
    const reply = await nodes[at % nodes.length]?.call(operation, body);
    if (reply?.status !== 200) throw new Error(`${operation} returned ${reply?.status}: ${reply?.text}`);
    return reply.body.data;
  };
  const each = (metric: string) => Promise.all(nodes.map((node) => node.metric(metric)));
  const { apiId } = await data(0, "apis.createApi", { name: "payments" });
  return {
    nodes,
    data,
    each,
    sum: async (metric) => (await each(metric)).reduce((total, one) => total + one, 0),
    async makeUser(limits, keys) {
      const externalId = crypto.randomUUID();
      const ratelimits = limits.map((limit) => ({ ...limit, autoApply: true }));
      await data(0, "identities.createIdentity", { externalId, ratelimits });
      const made = Array.from({ length: keys }, () => data(0, "keys.createKey", { apiId, externalId }));
      return (await Promise.all(made)).map(({ key }) => key);
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await postgres.drop?.(databaseUrl);
    },
  };
}

const mostTries = 5;

/**
 * Repeats `run` until Redis was never late during a run, and returns what that run found. Limits are exact only while
 * Redis responds within 25 ms, and the machine that runs the tests may be too busy for that. `strays`: how many
 * decisions were made without Redis although it was available.
 */
export async function whilePrompt<T>(run: () => Promise<{ found: T; strays: number }>): Promise<T> {
  const late: number[] = [];
  while (late.length < mostTries) {
    const { found, strays } = await run();
    if (strays === 0) return found;
    late.push(strays);
  }
  throw new Error(`Redis was late in each of ${mostTries} runs: ${late.join(", ")} decisions without it`);
}
