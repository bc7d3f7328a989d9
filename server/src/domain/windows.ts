/**
 * The kind of a counter's owner. Counters of different kinds are separate, even if their subjects and names are equal.
 */
export type Space = "key" | "identity" | "namespace" | "workspace" | "address";

/**
 * A request to count `cost` in one counter, which allows at most `limit` in any `durationMs`. The counter is identified
 * by the duration, the space, the workspace, the subject and the name.
 */
export type Window = {
  space: Space;
  workspaceId: string;
  subject: string;
  name: string;
  /** whole milliseconds, ≥ 1000 */
  durationMs: number;
  /** ≥ 0; 0 refuses every cost above 0 */
  limit: number;
  /** ≥ 0; 0 reads the counter without counting */
  cost: number;
};
