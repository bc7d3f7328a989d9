import { perServer } from "./perServer.ts";

/**
 * The server's clock, as an offset to this machine's clock. The clocks of two machines may differ, and a server under
 * test has a clock of its own.
 */
export type ServerClock = {
  nowMs(): number;
  /** Compares this machine's clock with the Date header of a response that has just arrived. */
  heard(date: string | null | undefined): void;
};

/** If a Date header is older than this on arrival, the clocks differ, because the server sends it at most 1 s old. */
const longestOnTheWayMs = 2_000;

export function createServerClock(ownMs: () => number = Date.now): ServerClock {
  let aheadMs = 0;
  return {
    nowMs: () => ownMs() + aheadMs,
    heard(date) {
      const second = Date.parse(date ?? "");
      if (Number.isNaN(second)) return;
      const now = ownMs();
      // The header has whole seconds. If this machine's time is within the header's second, the offset is 0. If this
      // machine is more than two seconds ahead, we assume that the server's time is the start of the header's second. A
      // user may then be told to wait up to two seconds too long, but never too short. If this machine is less than two
      // seconds ahead, we cannot tell whether the clocks differ or the header is old. A user may then be told to wait
      // up to a second too short.
      const latest = now - second > longestOnTheWayMs ? second : second + 999;
      aheadMs = Math.min(Math.max(now, second), latest) - now;
    },
  };
}

/** All guards that verify keys at the same server share one clock. */
export const serverClockOf = perServer(() => createServerClock());
