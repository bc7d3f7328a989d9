/** What a counter belongs to; two spaces never share a counter, whatever their subjects and names are. */
export type Space = "key" | "identity" | "namespace" | "workspace" | "address";

/** One limited count: `cost` more for (space, workspace, subject, name, duration), at most `limit` in any `durationMs`. */
export type Window = {
  space: Space;
  workspaceId: string;
  subject: string;
  name: string;
  /** whole milliseconds, ≥ 1000 */
  durationMs: number;
  /** ≥ 0; 0 refuses every cost above 0 */
  limit: number;
  /** ≥ 0; 0 looks without counting */
  cost: number;
};

export type WindowState = {
  /** whether this window alone had room for its cost */
  passed: boolean;
  /** what the very next call may spend */
  remaining: number;
  /**
   * Milliseconds since the epoch. Where the window had no room: the earliest time at which this cost would be
   * admitted. Otherwise, and where no such time exists (cost above limit): when the window is empty again.
   */
  resetAtMs: number;
};

/** The outcome of one `hit`; `windows` has one state for each window asked for, in the same order. */
export type Hit = {
  passed: boolean;
  windows: WindowState[];
  /** what `giveBack` needs to undo this hit once; private to the backend that made it */
  receipt: unknown;
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
  /** Lets go of timers, files and connections. */
  close(): Promise<void>;
};

/** The counter's name, one for each (space, workspace, subject, name, duration): the lengths make it injective. */
export function counterKey(window: Window): string {
  const { space, workspaceId, name } = window;
  return `${space}/${window.durationMs}/${workspaceId.length}/${workspaceId}${name.length}/${name}${window.subject}`;
}
