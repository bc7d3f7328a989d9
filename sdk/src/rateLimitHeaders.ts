import type { VerifyKeyData } from "./operations.gen.ts";

type Limit = NonNullable<Extract<VerifyKeyData, { valid: true }>["ratelimits"]>[number];

/** Which rate limit headers responses carry. */
export type HeaderChoice = "standard" | "legacy" | "both" | "none";

/**
 * The headers that tell a client its limits: those of draft-ietf-httpapi-ratelimit-headers-11 for every limit, and the
 * three of its early versions for the limit that is closest to refusing. `nowMs` is the server's time, since the limits'
 * ends are.
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

/** The exceeded limit with the longest wait, in whole seconds. */
export function exceededLimit(
  limits: readonly Limit[],
  nowMs: number,
): { limit: Limit; seconds: number } | undefined {
  return limits
    .filter((limit) => limit.exceeded)
    .map((limit) => ({ limit, seconds: Math.max(1, secondsLeft(limit, nowMs)) }))
    .sort((one, other) => other.seconds - one.seconds)[0];
}

/** Never longer than the limit's window, even if the clock is wrong. */
function secondsLeft({ reset, duration }: Limit, nowMs: number): number {
  const seconds = Math.ceil((reset - nowMs) / 1000);
  return Math.max(0, Math.min(seconds, Math.ceil(duration / 1000)));
}

/** A string of a structured field (RFC 9651), which may hold only ASCII. */
function quoted(name: string): string {
  const ascii = name.replace(/[^ -~]+/g, encodeURIComponent);
  return `"${ascii.replace(/["\\]/g, "\\$&")}"`;
}
