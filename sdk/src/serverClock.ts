import { perServer } from "./perServer.ts";

/** What a server's clock shows. This machine's clock may be ahead or behind, and a test's server has a clock of its own. */
export type ServerClock = {
  nowMs(): number;
  /** Compares this machine's clock with the Date header of a response that has just arrived. */
  heard(date: string | null | undefined): void;
};

export function createServerClock(ownMs: () => number = Date.now): ServerClock {
  let aheadMs = 0;
  return {
    nowMs: () => ownMs() + aheadMs,
    heard(date) {
      const second = Date.parse(date ?? "");
      if (Number.isNaN(second)) return;
      const now = ownMs();
      // the header has whole seconds, so within its second our own clock is more exact
      aheadMs = Math.min(Math.max(now, second), second + 999) - now;
    },
  };
}

/** All guards of one server share its clock. */
export const serverClockOf = perServer(() => createServerClock());
