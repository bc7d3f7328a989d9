import { type Load, numberMark } from "./load.ts";
import { type Product, type Server, startBaseline } from "./servers.ts";

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
  by: "perSecond" | "p99Ms" | "threadUs";
  atLeast?: number;
  atMost?: number;
  /** by how many ms `of` may be above `to` */
  atMostMore?: number;
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
export const huge = 1_000_000_000_000;
const hourMs = 3_600_000;
/** of the identity that keys are made for */
export const externalId = "owner";

export type Verdict = { credits: number; ratelimits: { name: string; remaining: number }[] };
type Held = {
  target?: number;
  /** how many requests the product remembers */
  count?: () => Promise<number>;
};

/** The product beside the bare runtime that gives the same answer to the same requests. */
export async function againstBaseline(
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

export function sideOf(
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

export function expectEqual(counted: number, answered: number): void {
  if (counted !== answered) throw new Error(`${answered} requests were answered, but ${counted} counted`);
}

export function sharedLimit(name: string) {
  return { name, limit: huge, duration: hourMs };
}

/** Keys of one identity that has these limits; `more` are further members of createKey. */
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

/** How much of a huge limit is used, asked without using it. */
export async function countedBy(product: Product, key: string, name: string): Promise<number> {
  const { ratelimits } = await product.call<Verdict>("keys.verifyKey", {
    key,
    ratelimits: [{ name, cost: 0 }],
  });
  return huge - (ratelimits.find((one) => one.name === name)?.remaining ?? Number.NaN);
}
