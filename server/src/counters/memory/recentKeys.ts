import type { Window } from "../../domain/windows.ts";
import { counterKey } from "../counters.ts";

/** as many limits as a hot key and its identity usually have */
const places = 8;

/**
 * Returns the keys of windows, and remembers those of the last few: the stored limits of a hot key are the same objects
 * in each verification, and to write its key and make it one text takes a third of a hit.
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
