import type { Window } from "../domain/windows.ts";

export type WindowState = {
  /** whether this window alone had room for its cost */
  passed: boolean;
  /** what the very next call may spend */
  remaining: number;
  /**
   * Milliseconds from this decision, 0 to `durationMs`: a length of time, not an instant, since the deciding clock is
   * not the caller's.
   * After a refusal, how long until this cost would be admitted; the whole duration if it never can be (a cost above
   * the limit). Otherwise, how long until the window is empty.
   */
  resetInMs: number;
};

/** The outcome of one `hit`; `windows` has one state for each window asked for, in the same order. */
export type Hit = {
  passed: boolean;
  windows: WindowState[];
  /** what `giveBack` needs to undo this hit, and to ignore a second attempt; only the backend that created it reads it */
  receipt: unknown;
};

/** A window as it stands now, with what a hit would find. Lengths of time are milliseconds from now. */
export type Peeked = {
  /** whether a hit would find room for the cost now */
  passed: boolean;
  /** the limit in force: a part of the one asked for while this process decides alone for several */
  limit: number;
  /** the cost that counts now; above the limit if that was lowered */
  used: number;
  /** until the window is empty, if nothing more is counted */
  emptyInMs: number;
  /** until the cost has room, if nothing more is counted; 0 if it has; undefined if it never will */
  passesInMs: number | undefined;
};

/**
 * Counts in sliding windows. In every span of `durationMs`, whatever its start, the admitted cost is at most the
 * limit in force; capacity comes back at most `durationMs / 60` later than an exact log would give it back.
 */
export type Counters = {
  /** Takes every window's cost, or none of them. The same counter twice in one call is charged for both. */
  hit(windows: readonly Window[]): Hit | Promise<Hit>;
  /** Takes back what a passed hit took; a second call for the same hit does nothing. */
  giveBack(hit: Hit): void | Promise<void>;
  /** What `hit` would find in these windows, in the same order, without changing any. */
  peek(windows: readonly Window[]): Peeked[] | Promise<Peeked[]>;
  /** Stops timers and closes files and connections. */
  close(): Promise<void>;
};

/** A key that is unique for each (space, workspace, subject, name, duration): the lengths make it injective. */
export function counterKey(window: Window): string {
  const { space, workspaceId, name } = window;
  return `${space}/${window.durationMs}/${workspaceId.length}/${workspaceId}${name.length}/${name}${window.subject}`;
}
