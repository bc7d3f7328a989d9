import { quoted } from "../../domain/location.ts";
import type { StoredRatelimit } from "../../domain/ratelimits.ts";
import type { TransactContext } from "../../operation.ts";
import { listRatelimits } from "../../storage/queries/ratelimits.ts";

type Warnings = { warnings?: string[] };

/**
 * Returns warnings about a request that was carried out but has a probable mistake: an `expires` in the past, or a
 * limit that overrides one of the identity. If there are no warnings, returns `{}`, so that the response omits
 * `warnings`.
 */
export async function keyWarnings(
  context: TransactContext,
  key: {
    /** Unix time in milliseconds, from the request */
    expires: number | null | undefined;
    ratelimits: readonly StoredRatelimit[];
    identityId: string | undefined;
  },
): Promise<Warnings> {
  const overridden = await overriddenLimits(context, key.ratelimits, key.identityId);
  return warningsOf([...pastExpiry("body.expires", key.expires, context.now()), ...overridden]);
}

/** Like `keyWarnings`, for many keys in one request: a single warning covers all keys that have expired. */
export function expiredKeysWarning(
  keys: readonly { expires?: number | undefined }[],
  nowMs: number,
): Warnings {
  const isPast = ({ expires }: { expires?: number | undefined }) => expires !== undefined && expires < nowMs;
  const first = keys.findIndex(isPast);
  const count = keys.filter(isPast).length;
  const warnings = pastExpiry(`body.keys[${first}].expires`, keys[first]?.expires, nowMs);
  return warningsOf(count > 1 ? warnings.map((one) => `${one} Other expired keys: ${count - 1}.`) : warnings);
}

function warningsOf(warnings: string[]): Warnings {
  return warnings.length === 0 ? {} : { warnings };
}

/**
 * In milliseconds, a time between these two bounds is in early 1970. In seconds, it is between the years 2001 and 2100.
 * So an `expires` in this range was probably meant in seconds.
 */
const leastSeconds = 1_000_000_000;
const mostSeconds = 4_102_444_800;

function pastExpiry(location: string, expires: number | null | undefined, nowMs: number): string[] {
  if (expires === null || expires === undefined || expires >= nowMs) return [];
  const past = `${location} is ${expires}, which is ${timeOf(expires)}: the key has expired.`;
  if (expires < leastSeconds || expires > mostSeconds) return [past];
  const meant = expires * 1000;
  return [`${past} It looks like seconds. Send milliseconds: ${meant} is ${timeOf(meant)}.`];
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** One warning for each rate limit of the identity that a limit of the key with the same name overrides. */
async function overriddenLimits(
  { caller, tx }: TransactContext,
  own: readonly StoredRatelimit[],
  identityId: string | undefined,
): Promise<string[]> {
  if (identityId === undefined || own.length === 0) return [];
  const shared = await listRatelimits(tx, caller.workspaceId, [identityId]);
  const names = new Set((shared.get(identityId) ?? []).map((limit) => limit.name));
  return own
    .filter((limit) => names.has(limit.name))
    .map(
      (limit) =>
        `The key's rate limit ${quoted(limit.name)} overrides its identity's limit of the same name.`,
    );
}
