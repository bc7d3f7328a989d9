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
