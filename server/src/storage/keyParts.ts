import type { AddressRange } from "../domain/ipAddress.ts";
import type { GrantedPermissions } from "../domain/permissionQuery.ts";
import type { PreparedLimits } from "../domain/ratelimits.ts";
import type { IdentityRecord, KeyRecord } from "../domain/verification.ts";
import type { ChangeLog } from "./changeLog.ts";
import { type SharedRecords, sharedRecords } from "./sharedRecords.ts";

/** An api that is not deleted, and its workspace. */
export type KeptApi = {
  id: string;
  keyspaceId: string;
  workspaceId: string;
  workspaceEnabled: boolean;
  /** from which its keys may be used; undefined: all */
  addresses: readonly AddressRange[] | undefined;
};

/**
 * `limits` are its rate limits, for keys without any of their own. `hasAccount`: whether it has limited credits or quotas.
 */
export type KeptIdentity = IdentityRecord & {
  limits: PreparedLimits;
  metaBytes: number;
  hasAccount: boolean;
};

/** Permissions and roles that keys have in common. */
export type Grants = {
  /** the ids of the permissions and roles that the keys have directly */
  name: string;
  /** of all these permissions and roles */
  ids: readonly string[];
  /** slugs, direct and through roles, each once and in byte order */
  permissions: string[];
  granted: GrantedPermissions;
  /** names, in byte order */
  roles: string[];
};

/** A cached key. Keys of one api, identity or set of grants refer to the same object for it. */
export type KeptKey = KeyRecord & {
  api: KeptApi;
  identity: KeptIdentity | undefined;
  grants: Grants;
  /** in memory, without what it shares */
  bytes: number;
};

/** What the cached records of keys share. */
export type KeyParts = {
  /** by id */
  apis: SharedRecords<KeptApi>;
  /** by id */
  identities: SharedRecords<KeptIdentity>;
  /** by name */
  grants: SharedRecords<Grants>;
  /** in memory */
  bytes(): number;
  /** Releases what a key shares, once it is no longer cached. */
  release(key: KeptKey): void;
  clear(): void;
};

export function openKeyParts(changes: ChangeLog, isCurrent: () => boolean): KeyParts {
  const source = { changes, isCurrent };
  const apis = sharedRecords<KeptApi>({
    ...source,
    idsOf: ({ id, workspaceId }) => [id, workspaceId],
    bytesOf: ({ addresses = [] }) => 400 + rangeBytes * addresses.length,
  });
  const identities = sharedRecords<KeptIdentity>({
    ...source,
    idsOf: ({ id }) => [id],
    bytesOf: ({ metaBytes, limits }) => 320 + metaBytes + limitBytes * limits.all.length,
  });
  const grants = sharedRecords<Grants>({
    ...source,
    idsOf: ({ ids }) => ids,
    bytesOf: ({ ids }) => 800 + grantBytes * ids.length,
  });
  const all = [apis, identities, grants];
  return {
    apis,
    identities,
    grants,
    bytes: () => all.reduce((sum, { bytes }) => sum + bytes(), 0),
    release({ workspaceId, api, identity, grants: granted }) {
      apis.release(workspaceId, api.id, api);
      if (identity !== undefined) identities.release(workspaceId, identity.id, identity);
      grants.release(workspaceId, granted.name, granted);
    },
    clear() {
      for (const { clear } of all) clear();
    },
  };
}

// in memory, as `server/test/cacheSize.test.ts` measures it
const limitBytes = 170;
const grantBytes = 250;
const rangeBytes = 150;

/** of a key, without what it shares */
export function bytesOfKey({ name, ratelimits, addresses = [] }: KeyRecord, metaText: string | null): number {
  const lists = limitBytes * ratelimits.length + rangeBytes * addresses.length;
  return 270 + (name?.length ?? 0) + bytesOfMeta(metaText) + lists;
}

/** of parsed metadata */
export function bytesOfMeta(text: string | null): number {
  return text === null || text === "{}" ? 0 : 40 + 1.5 * text.length;
}

/** The ids of everything that the record was built from. */
export function idsOfKey({ id, subjectId, apiId, workspaceId, identity, grants }: KeptKey): string[] {
  const ids = [id, subjectId, apiId, workspaceId, ...grants.ids];
  if (identity !== undefined) ids.push(identity.id);
  return ids;
}
