import { type Load, numberMark } from "./load.ts";
import type { Requests } from "./scenarios.ts";
import { type Product, type Server, startBaseline } from "./servers.ts";

/** One side of a comparison: a server or a load. In each round, the sides are measured one after the other. */
export type Side = {
  label: string;
  load: Omit<Load, "warmUpMs" | "measuredMs" | "firstNumber">;
  /** runs again and again while the side is measured */
  meanwhile?: () => Promise<void>;
};

/** A comparison: the figure `by` of the side `of`, divided by that of the side `to`, and the target for the ratio. */
export type Comparison = {
  of: string;
  to: string;
  by: "perSecond" | "p99Ms" | "threadUs";
  atLeast?: number;
  atMost?: number;
  /** compare by the difference instead: `of` may be at most this many ms above `to` */
  atMostMore?: number;
};

export type Prepared = {
  sides: readonly Side[];
  comparisons: readonly Comparison[];
  /** sentences that are printed with the figures */
  notes: readonly string[];
  /** `responses`: how many each side returned. Errors: `Error` if the server has counted another number of requests. */
  check(responses: ReadonlyMap<string, number>): Promise<void>;
  stop(): Promise<void>;
};

export type Workload = { title: string; prepare(): Promise<Prepared> };

const connections = 64;
export const huge = 1_000_000_000_000;
const hourMs = 3_600_000;
/** The external id of the identity that owns the keys. */
export const externalId = "owner";

export type Verdict = { credits: number; ratelimits: { name: string; remaining: number }[] };
type Options = {
  target?: number;
  /** returns how many requests the server has counted */
  count?: () => Promise<number>;
};

/** Compares Latchkey with the bare runtime, which gets the same requests and returns the same response. */
export async function againstBaseline(
  product: Product,
  operation: string,
  bodies: readonly object[],
  expected: string,
  { target, count }: Options,
): Promise<Prepared> {
  const sample = await product.callForText(operation, numbered(bodies[0] ?? {}));
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
    async check(responses) {
      if (count === undefined || before === undefined) return;
      expectEqual((await count()) - before, responses.get("product") ?? 0);
    },
    async stop() {
      await Promise.all([product.stop(), baseline.stop()]);
    },
  };
}

/** The body of a sample request. In place of `numberMark` it has a text that no request of the load has there. */
function numbered(body: object): object {
  return JSON.parse(JSON.stringify(body).replace(numberMark, "sample")) as object;
}

export function sideOf(
  server: Server & { rootKey: string },
  operation: string,
  bodies: readonly object[],
  expected: string,
) {
  return { label: "product", load: requestsTo(server, { operation, bodies, expected }) };
}

type Target = { port: number; pid: number | undefined; rootKey: string };

export function requestsTo({ port, pid, rootKey }: Target, { operation, bodies, expected }: Requests) {
  return {
    port,
    pid,
    path: `/v2/${operation}`,
    rootKey,
    bodies: bodies.map((body) => JSON.stringify(body)),
    expected,
    connections,
  };
}

export function expectEqual(counted: number, responses: number): void {
  if (counted !== responses)
    throw new Error(
      `The generator received ${responses} responses, but the server counted ${counted} requests.`,
    );
}

export function sharedLimit(name: string) {
  return { name, limit: huge, duration: hourMs };
}

/**
 * Creates an identity with these limits, and keys that belong to it. `more`: further input fields of keys.createKey.
 */
export async function makeKeys(
  product: Product,
  count: number,
  ratelimits: object[],
  more = {},
): Promise<string[]> {
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

/** How much is used of a limit of `huge` units. A verification with cost 0 returns what is left. */
export async function countedBy(product: Product, key: string, name: string): Promise<number> {
  const { ratelimits } = await product.call<Verdict>("keys.verifyKey", {
    key,
    ratelimits: [{ name, cost: 0 }],
  });
  return huge - (ratelimits.find((one) => one.name === name)?.remaining ?? Number.NaN);
}
