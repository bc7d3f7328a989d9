import { perServer } from "./perServer.ts";

/** What a server's clock shows. This machine's clock may be ahead or behind, and a test's server has a clock of its own. */
export type ServerClock = {
  nowMs(): number;
  /** Compares this machine's clock with the Date header of a response that has just arrived. */
  heard(date: string | null | undefined): void;
};

/** The header is a second old at most when it is sent, and then travels. A clock that shows more than this is wrong. */
const longestOnTheWayMs = 2_000;

export function createServerClock(ownMs: () => number = Date.now): ServerClock {
  let aheadMs = 0;
  return {
    nowMs: () => ownMs() + aheadMs,
    heard(date) {
      const second = Date.parse(date ?? "");
      if (Number.isNaN(second)) return;
      const now = ownMs();
      // The header has whole seconds, so within its second our own clock is more exact. If ours is ahead by much, the start
      // of the second counts: a user may then be told to wait a second too long, but never too short.
      const latest = now - second > longestOnTheWayMs ? second : second + 999;
      aheadMs = Math.min(Math.max(now, second), latest) - now;
    },
  };
}

/** All guards of one server share its clock. */
export const serverClockOf = perServer(() => createServerClock());
