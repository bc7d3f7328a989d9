import type { VerifyKeyData } from "./operations.gen.ts";

type Limit = NonNullable<Extract<VerifyKeyData, { valid: true }>["ratelimits"]>[number];

/** Which rate limit headers responses carry. */
export type HeaderChoice = "standard" | "legacy" | "both" | "none";

/**
 * The headers that tell a client its limits. "standard": the two headers of draft-ietf-httpapi-ratelimit-headers-11,
 * which list every limit. "legacy": the three headers of early versions of that draft, which show only the limit
 * closest to being exceeded. `nowMs` is the time of the server's clock, which also sets the `reset` of each limit.
 */
export function rateLimitHeaders(
  limits: readonly Limit[],
  choice: HeaderChoice,
  nowMs: number,
): Record<string, string> {
  if (limits.length === 0 || choice === "none") return {};
  return {
    ...(choice !== "legacy" && standard(limits, nowMs)),
    ...(choice !== "standard" && legacy(limits, nowMs)),
  };
}

function standard(limits: readonly Limit[], nowMs: number): Record<string, string> {
  const policies = limits.map(
    (limit) => `${quoted(limit.name)};q=${limit.limit};w=${Math.ceil(limit.duration / 1000)}`,
  );
  const states = limits.map(
    (limit) => `${quoted(limit.name)};r=${Math.max(0, limit.remaining)};t=${secondsLeft(limit, nowMs)}`,
  );
  return { "ratelimit-policy": policies.join(", "), ratelimit: states.join(", ") };
}

function legacy(limits: readonly Limit[], nowMs: number): Record<string, string> {
  const limit = exceededLimit(limits, nowMs)?.limit ?? fewestRemaining(limits);
  if (limit === undefined) return {};
  return {
    "ratelimit-limit": String(limit.limit),
    "ratelimit-remaining": String(Math.max(0, limit.remaining)),
    "ratelimit-reset": String(secondsLeft(limit, nowMs)),
  };
}

function fewestRemaining(limits: readonly Limit[]): Limit | undefined {
  return limits.toSorted((one, other) => one.remaining - other.remaining)[0];
}

/** The exceeded limit that makes the client wait longest, and that wait in whole seconds. */
export function exceededLimit(
  limits: readonly Limit[],
  nowMs: number,
): { limit: Limit; seconds: number } | undefined {
  return limits
    .filter((limit) => limit.exceeded)
    .map((limit) => ({ limit, seconds: Math.max(1, secondsLeft(limit, nowMs)) }))
    .sort((one, other) => other.seconds - one.seconds)[0];
}

/** Seconds until the window ends, cut to the window's length: if the clocks differ, `reset` may be further away. */
function secondsLeft({ reset, duration }: Limit, nowMs: number): number {
  const seconds = Math.ceil((reset - nowMs) / 1000);
  return Math.max(0, Math.min(seconds, Math.ceil(duration / 1000)));
}

/** Writes a name as a string of a structured header field (RFC 9651). All but printable ASCII is percent-encoded. */
function quoted(name: string): string {
  const ascii = name.replace(/[^ -~]+/g, encodeURIComponent);
  return `"${ascii.replace(/["\\]/g, "\\$&")}"`;
}
