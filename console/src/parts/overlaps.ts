import { dayMs, hourMs } from "../data/time.ts";

/** For how long the old key can stay valid after a reroll, in milliseconds, with a label for each. */
export const overlaps = [
  [String(dayMs), "24 hours"],
  [String(hourMs), "1 hour"],
  [String(7 * dayMs), "7 days"],
] as const;
