import { Latchkey } from "@latchkey/sdk";
import type { Fault, TestEvent } from "./orders.ts";
import { type Process, startProcess } from "./process.ts";
import { type Seed, type Seeded, seeder } from "./seed.ts";
import { type Duration, type Instant, instantOf, millisecondsOf } from "./times.ts";

export type { Fault, TestEvent } from "./orders.ts";
export type { Seed, Seeded } from "./seed.ts";
export type { Duration, Instant } from "./times.ts";

export type TestOptions = {
  /** What the clock of the server shows at first. It stands still until the test moves it. Default: the present. */
  now?: Instant;
};

type Name<T> = Extract<keyof T, string>;
/** The name of an operation, such as `keys.verifyKey`. */
export type OperationName = {
  [G in Name<Latchkey>]: `${G}.${Name<Latchkey[G]>}`;
}[Name<Latchkey>];

export type TestClock = {
  /** What the clock shows, as Unix time in milliseconds. */
  now(): number;
  /** Lets time pass: milliseconds, or `"250ms"`, `"30s"`, `"2m"`, `"12h"`, `"7d"`. */
  advance(by: Duration): Promise<void>;
  /** Lets time pass until `to`. An earlier time sets the clock back, as an administrator might. */
  set(to: Instant): Promise<void>;
};

/** A server of its own, with an empty database in memory, for one test or for many. */
export type TestLatchkey = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`, for any client of the API. */
  url: string;
  /** May call every operation. */
  rootKey: string;
  /** `@latchkey/sdk`, connected to this server. */
  client: Latchkey;
  clock: TestClock;
  /** Creates a key and, with `externalId`, its identity. Unknown roles and permissions are created, too. */
  seed(seed?: Seed): Promise<Seeded>;
  /** The next requests of this operation fail. In force for every request that begins after the call. */
  fail(operation: OperationName, fault: Fault): Promise<void>;
  /** Every verification and every decision of a rate limit since the start or the last reset, oldest first. */
  events(): Promise<TestEvent[]>;
  /** Empties the database and sets the clock and the faults back. `url` and `rootKey` stay the same. */
  reset(): Promise<void>;
  /** Stops the server. `await using` does it at the end of the block. */
  close(): Promise<void>;
};

/**
 * Starts the real server in a process of its own. It ends with `close`, and when this process ends.
 * Errors: `Error` if the server does not start, with what it wrote.
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

/** JSON has no infinity */
const mostTimes = 1_000_000_000;

async function fail(server: Process, operation: string, { status, times = 1 }: Fault): Promise<void> {
  if (!Number.isInteger(status) || status < 400 || status > 599) {
    throw new TypeError(`status must be from 400 to 599, and ${status} is not.`);
  }
  await server.ask({ kind: "fail", operation, fault: { status, times: Math.min(times, mostTimes) } });
}
