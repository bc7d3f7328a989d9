import { type MaybePromise, whenAvailable } from "../../../domain/maybePromise.ts";
import { prepareLimits } from "../../../domain/ratelimits.ts";
import type { KeyRecord } from "../../../domain/verification.ts";
import type { Engine } from "../../engine.ts";
import { bytesOfKey, type KeptKey, type KeyParts } from "../../keyParts.ts";
import { oneCopy } from "../../oneCopy.ts";
import { parseIpAllowList, rangesOf } from "../ipAllowLists.ts";
import { parseMeta } from "../meta.ts";
import { type KeyRows, noAccess, noLimits, ratelimitsOf } from "./keyRows.ts";
import { lookUpKeyRows } from "./lookUps.ts";
import { selectKeyRows } from "./oneStatement.ts";

/**
 * Finds the key with this hash, and reads everything that its verification needs in the state of one moment:
 * synchronously in a SQLite file, in one round trip on PostgreSQL. The record refers to the api, identity and access in
 * `parts`, and counts as a user of these until `parts.release` is called. `since` is the number of the latest change at
 * the time of the call.
 */
export function findKeyRecord(
  { db, snapshot }: Pick<Engine, "db" | "snapshot">,
  parts: KeyParts,
  wanted: { workspaceId: string; hash: string; since: number },
): MaybePromise<KeptKey | undefined> {
  const { workspaceId, hash, since } = wanted;
  const found =
    snapshot === undefined
      ? selectKeyRows(db, workspaceId, hash)
      : snapshot((moment) => lookUpKeyRows(moment, parts, workspaceId, hash));
  return whenAvailable(found, (rows) => rows && keptKey(parts, rows, since));
}

function keptKey({ apis, identities, access }: KeyParts, rows: KeyRows, since: number): KeptKey {
  const { workspaceId } = rows.api;
  const api = apis.hold(workspaceId, rows.api.id, rows.api, since);
  const identity = rows.identity && identities.hold(workspaceId, rows.identity.id, rows.identity, since);
  const shared =
    rows.access === noAccess ? noAccess : access.hold(workspaceId, rows.access.name, rows.access, since);
  const record = recordOf(rows, { api, identity, access: shared });
  return { ...record, bytes: bytesOfKey(record, rows.key.meta) };
}

type Parts = Pick<KeptKey, "api" | "identity" | "access">;

function recordOf({ key, ...rows }: KeyRows, { api, identity, access }: Parts): KeyRecord & Parts {
  const { id } = key;
  const subjectId = key.subjectId === id ? id : key.subjectId; // saves memory: equal ids are then the same string
  const ratelimits = ratelimitsOf(rows.ratelimits);
  const { workspaceId } = api;
  return {
    id,
    api,
    workspaceId,
    apiId: api.id,
    keyspaceId: api.keyspaceId,
    workspaceEnabled: api.workspaceEnabled,
    subjectId,
    name: key.name === null ? undefined : oneCopy(key.name),
    meta: key.meta === null ? undefined : parseMeta(key.meta),
    enabled: key.enabled === 1,
    expiresAtMs: key.expiresAtMs ?? undefined,
    apiAddresses: api.addresses,
    addresses: rangesOf(parseIpAllowList(key.ipAllowList)),
    access,
    permissions: access.permissions,
    heldPermissions: access.heldPermissions,
    roles: access.roles,
    ratelimits,
    identity,
    limits:
      ratelimits.length === 0
        ? (identity?.limits ?? noLimits)
        : prepareLimits({ workspaceId, subjectId, ratelimits, identity }),
    hasAccount: rows.hasAccount,
    identityHasAccount: identity?.hasAccount === true,
  };
}
