import { Latchkey } from "@latchkey/sdk";
import type { Fault, TestEvent } from "./orders.ts";
import { type Process, startProcess } from "./process.ts";
import { type Seed, type Seeded, seeder } from "./seed.ts";
import { type Duration, type Instant, instantOf, millisecondsOf } from "./times.ts";

export type { Fault, TestEvent } from "./orders.ts";
export type { Seed, Seeded } from "./seed.ts";
export type { Duration, Instant } from "./times.ts";

export type TestOptions = {
  /** The time of the server's clock at the start. The clock stands still until the test moves it. Default: now. */
  now?: Instant;
};

type Name<T> = Extract<keyof T, string>;
/** The name of an operation, such as `keys.verifyKey`. */
export type OperationName = {
  [G in Name<Latchkey>]: `${G}.${Name<Latchkey[G]>}`;
}[Name<Latchkey>];

export type TestClock = {
  /** The time of the server's clock, in Unix milliseconds. */
  now(): number;
  /**
   * Moves the clock forward by whole milliseconds, or by a whole number with a unit: `"250ms"`, `"30s"`, `"2m"`,
   * `"12h"`, `"7d"`. For 1.5 seconds, use `1_500` or `"1500ms"`.
   * Errors: `TypeError` if `by` is negative, has a fraction, or is not a duration.
   */
  advance(by: Duration): Promise<void>;
  /** Sets the clock to `to`, which may be earlier: then the server sees a clock that was set back. */
  set(to: Instant): Promise<void>;
};

/** A running server with its own database in memory, which is empty at first. It can serve one test or many. */
export type TestLatchkey = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`, for any client of the API. */
  url: string;
  /** A root key with all permissions. */
  rootKey: string;
  /** A client of `@latchkey/sdk`, connected to this server. */
  client: Latchkey;
  clock: TestClock;
  /** Creates a key and, with `externalId`, its identity. Roles and permissions that do not exist are created too. */
  seed(seed?: Seed): Promise<Seeded>;
  /** Makes the next requests of this operation fail. Await the promise before you send the requests that must fail. */
  fail(operation: OperationName, fault: Fault): Promise<void>;
  /** Every verification and every `ratelimit.limit` decision since the start or the last `reset`, oldest first. */
  events(): Promise<TestEvent[]>;
  /**
   * Empties the database, sets the clock back to its initial time, and removes failures and events. `url` and `rootKey`
   * stay the same.
   */
  reset(): Promise<void>;
  /** Stops the server. With `await using`, the end of the block calls this. */
  close(): Promise<void>;
};

/**
 * Starts a real server in its own process. That process ends at `close`, or when the current process ends.
 * Errors: `Error` with the server's output if the server does not start.
 */
export async function createTestLatchkey({ now = Date.now() }: TestOptions = {}): Promise<TestLatchkey> {
  const startMs = instantOf(now);
  const server = await startProcess();
  const { url, rootKey } = server;
  const client = new Latchkey({ serverURL: url, rootKey });
  let nowMs = startMs;
  const seeding = seeder(client);
  await server.ask({ kind: "set", toMs: startMs });
  const setTo = async (toMs: number) => {
    nowMs = toMs;
    await server.ask({ kind: "set", toMs });
  };
  return {
    url,
    rootKey,
    client,
    clock: {
      now: () => nowMs,
      advance: async (by) => setTo(nowMs + millisecondsOf(by)),
      set: async (to) => setTo(instantOf(to)),
    },
    seed: (seed = {}) => seeding.seed(seed),
    fail: (operation, fault) => fail(server, operation, fault),
    events: async () => (await server.ask({ kind: "events" })) as TestEvent[],
    async reset() {
      nowMs = startMs;
      seeding.forget();
      await server.ask({ kind: "reset", nowMs });
    },
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  };
}

/** `times: Infinity` is sent as this number, because JSON has no infinity. */
const mostTimes = 1_000_000_000;

async function fail(server: Process, operation: string, { status, times = 1 }: Fault): Promise<void> {
  if (!Number.isInteger(status) || status < 400 || status > 599) {
    throw new TypeError(`\`status\` is ${status}. Use a whole number from 400 to 599.`);
  }
  if (times !== Number.POSITIVE_INFINITY && !(Number.isInteger(times) && times >= 1)) {
    throw new TypeError(`\`times\` is ${times}. Use a whole number from 1, or Infinity.`);
  }
  await server.ask({ kind: "fail", operation, fault: { status, times: Math.min(times, mostTimes) } });
}
