import type { Window } from "../domain/windows.ts";

/** The state of one rate limit window after a decision. */
export type WindowState = {
  /** whether this window had room for the cost; another window may still have refused the call */
  passed: boolean;
  /** how much cost still fits into the window */
  remaining: number;
  /**
   * If this window refused: the time until it would admit the cost, or `durationMs` if it never will. It never will if
   * the cost, with the costs of earlier windows of the call on the same counter, is above the limit. If this window did
   * not refuse: the time until the window is empty. 0 to `durationMs` milliseconds, counted from the decision, because
   * the caller's clock may differ from the clock that decided.
   */
  resetInMs: number;
};

/** The outcome of a `hit`. `windows` has the state of each window of the call, in the same order. */
export type Hit = {
  passed: boolean;
  windows: WindowState[];
  /** what `giveBack` needs to undo this hit; only the backend that decided the hit can read it */
  receipt: unknown;
};

/** What a hit would find in a window now. Times are in milliseconds from now. */
export type Peeked = {
  /** whether a hit would be admitted by this window */
  passed: boolean;
  /** the requested limit, or while Redis is down, this process's share of the requested limit */
  limit: number;
  /** the sum of the costs that count now; above `limit` if the limit was lowered after they were admitted */
  used: number;
  /** the time until the window is empty, if nothing more is counted */
  emptyInMs: number;
  /**
   * the time until there is room for the cost, if nothing more is counted. 0: there is room now. `undefined`: there
   * will never be room, because the cost is above the limit
   */
  passesInMs: number | undefined;
};

/**
 * Counts in sliding windows: in any span of `durationMs`, the admitted cost is at most the limit. A cost may
 * count for up to `durationMs / 60` longer than `durationMs`, because costs that come shortly after one another are
 * stored together.
 */
export type Counters = {
  /**
   * Counts the cost of every window if all of them have room; otherwise counts nothing. If two windows of the call have
   * the same counter, both costs count.
   */
  hit(windows: readonly Window[]): Hit | Promise<Hit>;
  /** Undoes a hit that has passed: its costs no longer count. A second call for the same hit does nothing. */
  giveBack(hit: Hit): void | Promise<void>;
  /** Returns what `hit` would find in these windows, in the same order. Changes nothing. */
  peek(windows: readonly Window[]): Peeked[] | Promise<Peeked[]>;
  /** Stops timers and closes files and connections. */
  close(): Promise<void>;
};

/**
 * Returns the key of a window's counter. Windows that differ in space, workspace, subject, name or duration have
 * different keys. The key contains the lengths of the workspace id and the name: without them, "a" and "bc" would give
 * the same key as "ab" and "c".
 */
export function counterKey(window: Window): string {
  const { space, workspaceId, name } = window;
  return `${space}/${window.durationMs}/${workspaceId.length}/${workspaceId}${name.length}/${name}${window.subject}`;
}
