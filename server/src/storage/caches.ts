import { type RecordCache, recordCache } from "./cache.ts";
import { changeLog } from "./changeLog.ts";
import type { Engine } from "./engine.ts";
import { idsOfKey, type KeptKey, openKeyParts } from "./keyParts.ts";
import { findKeyRecord } from "./queries/keys/record.ts";
import { findNamespace, type NamespaceRecord } from "./queries/namespaces.ts";
import { findRootKeyByHash, type RootKeyRecord } from "./queries/rootKeys.ts";

export type Caches = {
  /** cached keys, by the hash of the whole key */
  keys: RecordCache<KeptKey>;
  /** cached namespaces, by name or id */
  namespaces: RecordCache<NamespaceRecord>;
  /**
   * cached root keys, by hash. Their workspace is unknown before the look-up, so all of them are cached under the
   * workspace id `noWorkspace`
   */
  rootKeys: RecordCache<RootKeyRecord>;
  /**
   * Call it after the record with this id has changed. Every cached record that depends on the id is then outdated, and
   * a look-up in progress whose record depends on the id reads the database again.
   */
  evict(id: string): void;
  clear(): void;
};

/** the workspace id under which root keys are cached */
export const noWorkspace = "";

/**
 * Opens the caches in front of a database. The cache of keys may take `maxBytes`. Each other cache may take a fraction
 * of `maxBytes` in addition. To add a cache, add it to `list` and to the type `Caches`.
 */
export function openCaches(engine: Engine, maxBytes: number): Caches {
  const { db, isCurrent } = engine;
  const changes = changeLog();
  const parts = openKeyParts(changes, isCurrent);
  const list = {
    keys: recordCache({
      changes,
      isCurrent,
      load: (workspaceId, hash, since) => findKeyRecord(engine, parts, { workspaceId, hash, since }),
      idsOf: idsOfKey,
      bytesOf: ({ bytes }) => bytes,
      shared: parts,
      maxBytes,
    }),
    namespaces: recordCache({
      changes,
      isCurrent,
      load: (workspaceId, ref) => findNamespace(db, workspaceId, ref),
      idsOf: ({ id }) => [id],
      bytesOf: ({ overrides }) => 500 + 400 * overrides.exact.size,
      maxBytes: maxBytes / 4,
    }),
    rootKeys: recordCache({
      changes,
      isCurrent,
      load: (_, hash) => findRootKeyByHash(db, hash),
      idsOf: ({ caller }) => [caller.rootKeyId, caller.workspaceId],
      bytesOf: ({ caller }) => 300 + caller.permissions.size * 60,
      maxBytes: maxBytes / 16,
    }),
  };
  return {
    ...list,
    evict: changes.note,
    clear() {
      changes.noteAll();
      for (const cache of Object.values(list)) cache.clear();
    },
  };
}
