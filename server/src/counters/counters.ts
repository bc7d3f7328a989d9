import type { Window } from "../domain/windows.ts";

/** The state of a window after a decision. */
export type WindowState = {
  /** whether this window had room for its cost, whatever the other windows of the call had */
  passed: boolean;
  /** the cost that the next call may spend */
  remaining: number;
  /**
   * After a refusal, how long until this cost would be admitted; the whole duration if the cost is above the limit
   * and never can be. Otherwise, how long until the window is empty. In milliseconds from this decision, 0 to
   * `durationMs`: a length of time, not an instant, since the clock that decides is not that of the caller.
   */
  resetInMs: number;
};

/** The outcome of a `hit`. `windows` has the state of each window of the call, in the same order. */
export type Hit = {
  passed: boolean;
  windows: WindowState[];
  /** what `giveBack` needs to undo this hit, once; only the backend that created it reads it */
  receipt: unknown;
};

/** What a hit would find in a window now. Lengths of time are in milliseconds from now. */
export type Peeked = {
  /** whether a hit would find room for the cost now */
  passed: boolean;
  /** the limit in force; while Redis is down, it is this process's share of the requested limit */
  limit: number;
  /** the cost that counts now; it is above the limit if the limit was lowered */
  used: number;
  /** the time until the window is empty, if nothing more is counted */
  emptyInMs: number;
  /**
   * the time until there is room for the cost, if nothing more is counted; 0: there is room now;
   * undefined: there never will be
   */
  passesInMs: number | undefined;
};

/**
 * Counts in sliding windows. In every span of `durationMs`, whatever its start, the admitted cost is at most the
 * limit in force; capacity comes back at most `durationMs / 60` later than an exact log would give it back.
 */
export type Counters = {
  /**
   * Counts the cost of every window, if all have room; otherwise counts nothing. If a call has two windows with the
   * same counter, it counts both costs.
   */
  hit(windows: readonly Window[]): Hit | Promise<Hit>;
  /** Undoes a hit that has passed. A second call for the same hit does nothing. */
  giveBack(hit: Hit): void | Promise<void>;
  /** Returns what `hit` would find in these windows, in the same order. Changes nothing. */
  peek(windows: readonly Window[]): Peeked[] | Promise<Peeked[]>;
  /** Stops timers and closes files and connections. */
  close(): Promise<void>;
};

/**
 * Returns the key of a window's counter. It is different for each (space, workspace, subject, name, duration): it
 * contains the lengths of the texts, so two different windows never get the same key.
 */
export function counterKey(window: Window): string {
  const { space, workspaceId, name } = window;
  return `${space}/${window.durationMs}/${workspaceId.length}/${workspaceId}${name.length}/${name}${window.subject}`;
}
