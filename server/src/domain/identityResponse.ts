import type { StoredRatelimit } from "./ratelimits.ts";
import type { IdentityRecord } from "./verification.ts";

/** An identity in a response, without its credits and quotas. */
export function identityResponse({ id, externalId, meta, ratelimits }: IdentityRecord) {
  return { id, externalId, meta, ratelimits: ratelimits.map(ratelimitResponse) };
}

export function ratelimitResponse({ id, name, limit, durationMs, autoApply }: StoredRatelimit) {
  return { id, name, limit, duration: durationMs, autoApply };
}
