import { perServer } from "./perServer.ts";

/** The server's clock, as an offset to this machine's. The two may differ, and a server under test has a clock of its own. */
export type ServerClock = {
  nowMs(): number;
  /** Compares this machine's clock with the Date header of a response that has just arrived. */
  heard(date: string | null | undefined): void;
};

/** A Date header that is older than this on arrival means that the clocks differ. It is at most a second old when it is sent. */
const longestOnTheWayMs = 2_000;

export function createServerClock(ownMs: () => number = Date.now): ServerClock {
  let aheadMs = 0;
  return {
    nowMs: () => ownMs() + aheadMs,
    heard(date) {
      const second = Date.parse(date ?? "");
      if (Number.isNaN(second)) return;
      const now = ownMs();
      // The header has whole seconds. While this machine's clock is within that second, there is no offset. If this clock is far
      // ahead, the start of the second is used, so that a user may be told to wait a second too long, but never too short.
      const latest = now - second > longestOnTheWayMs ? second : second + 999;
      aheadMs = Math.min(Math.max(now, second), latest) - now;
    },
  };
}

/** All guards that verify keys at the same server share one clock. */
export const serverClockOf = perServer(() => createServerClock());
