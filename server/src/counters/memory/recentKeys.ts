import type { Window } from "../../domain/windows.ts";
import { counterKey } from "../counters.ts";

/** how many keys are remembered: about as many as the limits of a busy key and its identity */
const places = 8;

/**
 * Returns a function that returns the counter key of a window. It remembers the keys of the last eight windows, since
 * building a key takes a third of the time of a hit, and the verifications of one key all pass the same window objects.
 */
export function recentKeys(): (window: Window) => string {
  const windows: (Window | undefined)[] = Array.from({ length: places }, () => undefined);
  const keys = Array.from({ length: places }, () => "");
  let oldest = 0;
  return (window) => {
    const known = windows.indexOf(window);
    if (known !== -1) return keys[known] ?? "";
    const key = counterKey(window);
    windows[oldest] = window;
    keys[oldest] = key;
    oldest = (oldest + 1) % places;
    return key;
  };
}
