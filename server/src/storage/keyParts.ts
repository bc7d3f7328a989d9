import type { AddressRange } from "../domain/ipAddress.ts";
import type { HeldPermissions } from "../domain/permissionQuery.ts";
import type { PreparedLimits } from "../domain/ratelimits.ts";
import type { IdentityRecord, KeyRecord } from "../domain/verification.ts";
import type { ChangeLog } from "./changeLog.ts";
import { type SharedRecords, sharedRecords } from "./sharedRecords.ts";

/** A cached api, with what a verification needs to know about the api's workspace. Deleted apis are not cached. */
export type KeptApi = {
  id: string;
  keyspaceId: string;
  workspaceId: string;
  workspaceEnabled: boolean;
  /** the addresses from which the api's keys may be used; undefined: all addresses */
  addresses: readonly AddressRange[] | undefined;
};

/**
 * A cached identity. `limits` are its rate limits, prepared for verifications of keys that have no rate limits of their
 * own. `metaBytes` is the memory that its metadata takes. `hasAccount`: the identity has limited credits or quotas.
 */
export type KeptIdentity = IdentityRecord & {
  limits: PreparedLimits;
  metaBytes: number;
  hasAccount: boolean;
};

/** A set of permissions and roles. Cached keys that have the same set share one object. */
export type Access = {
  /** the joined ids of the keys' roles and direct permissions; the name identifies the set */
  name: string;
  /** the ids of the permissions and roles that the set was built from */
  ids: readonly string[];
  /** the slugs of the permissions, direct and through roles, each once and in byte order */
  permissions: string[];
  heldPermissions: HeldPermissions;
  /** the names of the roles, in byte order */
  roles: string[];
};

/** A cached key. Keys with the same api refer to the same `api` object; so do keys with the same identity or access. */
export type KeptKey = KeyRecord & {
  api: KeptApi;
  identity: KeptIdentity | undefined;
  access: Access;
  /** the memory that the record takes, in bytes, without the parts that it shares with other keys */
  bytes: number;
};

/** The parts that cached keys share: apis, identities and access. */
export type KeyParts = {
  /** apis by their id */
  apis: SharedRecords<KeptApi>;
  /** identities by their id */
  identities: SharedRecords<KeptIdentity>;
  /** access by their `name` */
  access: SharedRecords<Access>;
  /** the memory that all parts take, in bytes */
  bytes(): number;
  /** Call it when a key is no longer cached: its parts are then kept only as long as another cached key uses them. */
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
  const access = sharedRecords<Access>({
    ...source,
    idsOf: ({ ids }) => ids,
    bytesOf: ({ ids }) => 800 + grantBytes * ids.length,
  });
  const all = [apis, identities, access];
  return {
    apis,
    identities,
    access,
    bytes: () => all.reduce((sum, { bytes }) => sum + bytes(), 0),
    release({ workspaceId, api, identity, access: keyAccess }) {
      apis.release(workspaceId, api.id, api);
      if (identity !== undefined) identities.release(workspaceId, identity.id, identity);
      access.release(workspaceId, keyAccess.name, keyAccess);
    },
    clear() {
      for (const { clear } of all) clear();
    },
  };
}

// the memory in bytes that each kind of object takes, as `server/test/cacheSize.test.ts` measures it
const limitBytes = 170;
const grantBytes = 250;
const rangeBytes = 150;

/** Estimates the memory that a key takes, in bytes, without the parts that it shares with other keys. */
export function bytesOfKey({ name, ratelimits, addresses = [] }: KeyRecord, metaText: string | null): number {
  const lists = limitBytes * ratelimits.length + rangeBytes * addresses.length;
  return 270 + (name?.length ?? 0) + bytesOfMeta(metaText) + lists;
}

/** Estimates the memory that metadata takes after parsing, in bytes. `text` is its JSON. */
export function bytesOfMeta(text: string | null): number {
  return text === null || text === "{}" ? 0 : 40 + 1.5 * text.length;
}

/** Returns the ids of everything that the key's record was built from. */
export function idsOfKey({ id, subjectId, apiId, workspaceId, identity, access }: KeptKey): string[] {
  const ids = [id, subjectId, apiId, workspaceId, ...access.ids];
  if (identity !== undefined) ids.push(identity.id);
  return ids;
}
