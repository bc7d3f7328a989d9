import type { Counters } from "../counters/counters.ts";
import { Failure } from "../errors.ts";

/** Counts one request of the workspace and adds what is left to the answer's headers. */
export type WorkspaceLimit = (
  workspaceId: string,
  nowMs: number,
  headers: Record<string, string>,
) => Promise<void>;

/** Errors (of the function it answers): `workspace_rate_limited`. */
export function workspaceLimit(counters: Counters, requestsPerMinute: number): WorkspaceLimit {
  return async (workspaceId, nowMs, headers) => {
    const { passed, windows } = await counters.hit([
      {
        space: "workspace",
        workspaceId,
        subject: "",
        name: "requests",
        durationMs: 60_000,
        limit: requestsPerMinute,
        cost: 1,
      },
    ]);
    const [state] = windows;
    const resetSeconds = String(Math.max(0, Math.ceil(((state?.resetAtMs ?? nowMs) - nowMs) / 1000)));
    headers["RateLimit-Limit"] = String(requestsPerMinute);
    headers["RateLimit-Remaining"] = String(state?.remaining ?? 0);
    headers["RateLimit-Reset"] = resetSeconds;
    if (!passed) throw new Failure("workspace_rate_limited", { headers: { "Retry-After": resetSeconds } });
  };
}
