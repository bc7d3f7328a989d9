import { nextRefillAt, scheduleOf } from "../../domain/credits.ts";
import { fromUpstream, unknownHash } from "../../storage/queries/keys/waiting.ts";
import type { RecordFields } from "../storedRecords.ts";
import type { ShownKey, ShownLimit } from "./shapes.ts";

/** The permissions and roles of the other server, to which its keys refer by slug or name. */
export type PermissionsAndRoles = {
  /** permission ids by slug */
  permissions: ReadonlyMap<string, string>;
  /** for each name of a role: its id, and the slugs of its permissions */
  roles: ReadonlyMap<string, { id: string; slugs: readonly string[] }>;
};

export function limitRecords(limits: readonly ShownLimit[]): object[] {
  return limits.map(({ id, name, limit, duration, autoApply }) => ({
    id,
    name,
    limit,
    durationMs: duration,
    autoApply,
  }));
}

/**
 * The record for a key that the other server returned. Fields that the API does not return keep their stored values,
 * above all the hash, which a verification may have supplied since an earlier import.
 */
export function keyRecord(
  shown: ShownKey,
  { permissions, roles }: PermissionsAndRoles,
  where: { apiId: string; stored: RecordFields | undefined; nowMs: number },
): RecordFields {
  const { apiId, stored, nowMs } = where;
  const ofKey = shown.roles.flatMap((name) => roles.get(name) ?? []);
  const throughRoles = new Set(ofKey.flatMap(({ slugs }) => slugs));
  const direct = shown.permissions.filter((slug) => !throughRoles.has(slug));
  return {
    hash: unknownHash(shown.keyId),
    pendingMigrationId: fromUpstream,
    ...storedFields(stored),
    id: shown.keyId,
    apiId,
    identityId: shown.identity?.id,
    start: shown.start,
    prefix: prefixOf(shown.start),
    name: shown.name,
    meta: shown.meta,
    enabled: shown.enabled,
    expiresAtMs: shown.expires,
    createdAtMs: shown.createdAt,
    updatedAtMs: shown.updatedAt,
    ipAllowList: shown.ipAllowList,
    ratelimits: limitRecords(shown.ratelimits),
    permissions: direct.flatMap((slug) => permissions.get(slug) ?? []).sort(),
    roles: ofKey.map(({ id }) => id).sort(),
    balance: balanceOf(shown.credits, stored?.["balance"] as RecordFields | undefined, nowMs),
  };
}

/** The stored fields of a key. If the stored key no longer waits for its SHA-256, `pendingMigrationId` is undefined. */
function storedFields(stored: RecordFields | undefined): RecordFields {
  return stored === undefined ? {} : { pendingMigrationId: undefined, ...stored };
}

/** The prefix of a key. In Unkey's API, the `start` of a key is its prefix, `_` and four more characters. */
export function prefixOf(start: string): string | undefined {
  return start.length > 5 && start.at(-5) === "_" ? start.slice(0, -5) : undefined;
}

function balanceOf(credits: ShownKey["credits"], stored: RecordFields | undefined, nowMs: number) {
  const quotas = stored?.["quotas"];
  if (credits === undefined || credits.remaining === null) {
    return quotas === undefined ? undefined : { ...stored, remaining: undefined, ...noRefill };
  }
  const { remaining, refill } = credits;
  if (refill === undefined) return { ...stored, remaining, ...noRefill };
  const day = refill.interval === "daily" ? undefined : (refill.refillDay ?? 1);
  const isSame = stored?.["refillAmount"] === refill.amount && stored["refillDay"] === day;
  return {
    ...stored,
    remaining,
    refillAmount: refill.amount,
    refillDay: day,
    nextRefillAtMs: isSame ? stored["nextRefillAtMs"] : nextRefillAt(scheduleOf(day), nowMs),
  };
}

const noRefill = { refillAmount: undefined, refillDay: undefined, nextRefillAtMs: undefined };
