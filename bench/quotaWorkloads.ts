import { readFileSync } from "node:fs";
import { startServices } from "../server/test/services.ts";
import { cores } from "./cores.ts";
import { newRootKey, type Product, startBaseline, startProduct, startRedis } from "./servers.ts";
import {
  type Comparison,
  expectEqual,
  huge,
  type Prepared,
  type Side,
  sideOf,
  type Workload,
} from "./sides.ts";

export const quotaWorkloads: Record<string, Workload> = {
  "verify-quotas": {
    title:
      "keys.verifyKey with quotas, an identity's credits or a reservation, compared with a key's own credits",
    prepare: kinds,
  },
  "verify-sub-caps": {
    title: "keys.verifyKey, 1,000 keys with credits under their identity's credits, or with their own alone",
    prepare: () => subCaps(),
  },
  "verify-sub-caps-nodes": {
    title: "keys.verifyKey, 1,000 keys as in verify-sub-caps, on three nodes with PostgreSQL and Redis",
    prepare: subCapsOfNodes,
  },
};

const quota = (name: string) => ({ name, limit: huge, period: "year", autoApply: true });
const credits = { remaining: huge };
const dayMs = 86_400_000;

/** For each side of the comparison: what its key has (`own`), and what its identity has (`shared`). */
const owners: Record<string, { own?: object; shared?: object }> = {
  unlimited: {},
  credits: { own: { credits } },
  "shared-credits": { shared: { credits } },
  "quota-1": { shared: { quotas: [quota("requests")] } },
  "quotas-3": { shared: { quotas: [quota("requests"), quota("tokens"), quota("emails")] } },
};

async function kinds(): Promise<Prepared> {
  const product = await startProduct();
  const { apiId } = await product.call<{ apiId: string }>("apis.createApi", { name: "payments" });
  const keys = new Map<string, string>();
  for (const [label, { own, shared }] of Object.entries(owners)) {
    await product.call("identities.createIdentity", { externalId: label, ...shared });
    const body = { apiId, externalId: label, ...own };
    keys.set(label, (await product.call<{ key: string }>("keys.createKey", body)).key);
  }
  const side = (label: string, key = "", more = {}): Side => ({
    ...sideOf(product, "keys.verifyKey", [{ key, ...more }], '"code":"VALID"'),
    label,
  });
  const sides = [...keys].map(([label, key]) => side(label, key));
  const key = keys.get("shared-credits");
  sides.push(side("reservation", key, { credits: { reserve: 1, ttl: dayMs } }));
  const sample = await product.callForText("keys.verifyKey", { key: keys.get("credits") });
  const baseline = await startBaseline("/v2/keys.verifyKey", sample);
  const bare = side("baseline", keys.get("credits"));
  const pair = await costOfPair(product, key ?? "");
  return {
    sides: [{ ...bare, load: { ...bare.load, port: baseline.port, pid: baseline.pid } }, ...sides],
    comparisons: sides.flatMap(({ label }): Comparison[] => [
      { of: label, to: "baseline", by: "perSecond" },
      ...(label === "credits" ? [] : [{ of: label, to: "credits", by: "perSecond" } as const]),
    ]),
    notes: [
      `a reservation with its settlement takes ${pair.threadUs.toFixed(0)} µs of thread time: 64 callers in the bench's own process make ${pair.perSecond.toFixed(0)} such pairs a second`,
    ],
    async check(responses) {
      const spent = (responses.get("shared-credits") ?? 0) + (responses.get("reservation") ?? 0);
      expectEqual((await spentBy(product, "shared-credits")) - pair.spent, spent);
    },
    async stop() {
      await Promise.all([product.stop(), baseline.stop()]);
    },
  };
}

async function spentBy(product: Product, identity: string): Promise<number> {
  const stored = await product.call<{ credits: { remaining: number } }>("identities.getIdentity", {
    identity,
  });
  return huge - stored.credits.remaining;
}

const pairsMeasuredMs = 2_000;

/** For two seconds, 64 callers reserve 10 credits and then settle 4 of them, again and again. */
async function costOfPair(product: Product, key: string) {
  const startedMs = performance.now();
  const before = threadUs(product.pid);
  let pairs = 0;
  const work = async () => {
    while (performance.now() < startedMs + pairsMeasuredMs) {
      const { reservation } = await product.call<{ reservation: { id: string } }>("keys.verifyKey", {
        key,
        credits: { reserve: 10, ttl: dayMs },
      });
      await product.call("credits.settle", { reservationId: reservation.id, amount: 4 });
      pairs += 1;
    }
  };
  await Promise.all(Array.from({ length: 64 }, work));
  const perSecond = (pairs * 1_000) / (performance.now() - startedMs);
  return { threadUs: (threadUs(product.pid) - before) / pairs, perSecond, spent: pairs * 4 };
}

/** The processor time of a process's first thread so far, in microseconds. */
function threadUs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[0]) / 1_000;
}

/**
 * Compares two kinds of keys: verifications spend the key's own credits and its identity's ("sub-caps"), or only the
 * key's own. `more`: the ports of further nodes, and the processes whose processor time is added to the first node's.
 */
async function subCaps(
  product?: Product,
  more: { alsoPorts?: number[]; alsoPids?: number[] } = {},
): Promise<Prepared> {
  const first = product ?? (await startProduct());
  const alone = await manyKeys(first, "alone", {});
  const capped = await manyKeys(first, "capped", { credits });
  const side = (label: string, keys: readonly string[]): Side => {
    const { load } = sideOf(
      first,
      "keys.verifyKey",
      keys.map((key) => ({ key })),
      '"code":"VALID"',
    );
    return { label, load: { ...load, ...more } };
  };
  return {
    sides: [side("own credits alone", alone), side("sub-caps", capped)],
    comparisons: [
      { of: "sub-caps", to: "own credits alone", by: "perSecond", atLeast: 0.8 },
      { of: "own credits alone", to: "sub-caps", by: "threadUs", atLeast: 0.8 },
    ],
    notes: [`one fdatasync takes ${first.measureFsyncMs().toFixed(3)} ms`],
    async check(responses) {
      expectEqual(await spentBy(first, "capped"), responses.get("sub-caps") ?? 0);
    },
    stop: () => first.stop(),
  };
}

/** Creates an identity with the fields of `shared`, and a thousand keys of it that have credits of their own. */
async function manyKeys(product: Product, externalId: string, shared: object): Promise<string[]> {
  await product.call("identities.createIdentity", { externalId, ...shared });
  const { apiId } = await product.call<{ apiId: string }>("apis.createApi", { name: externalId });
  const keys: string[] = [];
  while (keys.length < 1_000) {
    const some = Array.from({ length: 100 }, async () => {
      const body = { apiId, externalId, credits };
      return (await product.call<{ key: string }>("keys.createKey", body)).key;
    });
    keys.push(...(await Promise.all(some)));
  }
  return keys;
}

async function subCapsOfNodes(): Promise<Prepared> {
  const { TEST_DATABASE_URL: _, ...surroundings } = process.env;
  const services = await startServices("postgres", surroundings);
  const redis = await startRedis(cores.server);
  const environment = {
    DATABASE_URL: services.environment["TEST_DATABASE_URL"] ?? "",
    REDIS_URL: redis.url,
  };
  const rootKey = newRootKey();
  const [first, ...others] = [
    await startProduct({ environment, rootKey }),
    await startProduct({ environment, rootKey }),
    await startProduct({ environment, rootKey }),
  ] as const;
  const prepared = await subCaps(first, {
    alsoPorts: others.map(({ port }) => port),
    alsoPids: others.map(({ pid }) => pid),
  });
  return {
    ...prepared,
    async stop() {
      for (const one of [first, ...others, redis, services]) await one.stop();
    },
  };
}
