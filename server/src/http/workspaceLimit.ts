import type { Counters } from "../counters/counters.ts";
import { Failure } from "../errors/failure.ts";

/** Counts `count` requests against the workspace's limit. Adds the limit and what is left of it to `headers`. */
export type WorkspaceLimit = (
  workspaceId: string,
  headers: Record<string, string>,
  count: number,
) => Promise<void>;

/** Errors (of the returned function): `workspace_rate_limited`. */
export function workspaceLimit(counters: Counters, requestsPerMinute: number): WorkspaceLimit {
  return async (workspaceId, headers, count) => {
    const { passed, windows } = await counters.hit([
      {
        space: "workspace",
        workspaceId,
        subject: "",
        name: "requests",
        durationMs: 60_000,
        limit: requestsPerMinute,
        cost: count,
      },
    ]);
    const [state] = windows;
    const resetSeconds = String(Math.ceil((state?.resetInMs ?? 0) / 1000));
    headers["RateLimit-Limit"] = String(requestsPerMinute);
    headers["RateLimit-Remaining"] = String(state?.remaining ?? 0);
    headers["RateLimit-Reset"] = resetSeconds;
    if (!passed) throw new Failure("workspace_rate_limited", { headers: { "Retry-After": resetSeconds } });
  };
}
