import { sql } from "kysely";
import { inBatches } from "../../batches.ts";
import { prepared } from "../../prepared.ts";
import type { Flag, Schema, Tx } from "../../schema.ts";
import { deleteHoldParts } from "../holds.ts";
import { deleteRatelimits } from "../ratelimits.ts";

export type NewKey = {
  id: string;
  workspaceId: string;
  apiId: string;
  identityId: string | undefined;
  /**
   * the name of the key's account and counters: the key's own id or, if the key replaces a rerolled key, the
   * `subjectId` of the rerolled key
   */
  subjectId: string;
  hash: string;
  start: string;
  prefix: string | undefined;
  byteLength: number;
  name: string | undefined;
  /** metadata as JSON */
  meta: string | undefined;
  enabled: boolean;
  expiresAtMs: number | undefined;
  /** the addresses from which the key may be used; undefined: all addresses */
  ipAllowList: readonly string[] | undefined;
  /** the id of the migration, for a migrated key that has not been verified yet; undefined for other keys */
  pendingMigrationId: string | undefined;
  /** the digest of the fields that a migrated key was created from */
  migratedFrom?: string;
  /** the key itself, encrypted with the server's recovery key; undefined if the key is not recoverable */
  sealed: string | undefined;
  nowMs: number;
};

/** Inserts a key. If the workspace already has a key with this hash, inserts nothing and returns false. */
export async function insertKey(tx: Tx, key: NewKey): Promise<boolean> {
  return (await insertKeys(tx, [key])).length > 0;
}

/**
 * Inserts keys, and returns the ids of the inserted keys. Skips a key if the workspace already has a key with the same
 * hash, or if an earlier request has migrated the key.
 */
export async function insertKeys(tx: Tx, keys: readonly NewKey[]): Promise<string[]> {
  // every transaction inserts in the order of the hashes, so two transactions cannot deadlock
  const rows = keys.map(rowOf).sort((one, other) => (one.hash < other.hash ? -1 : 1));
  const inserted = await inBatches(rows, (batch) => insertRows(tx, { rows: batch }));
  return inserted.map(({ id }) => id);
}

const insertRows = prepared((db, { rows }: { rows: readonly Schema["keys"][] }) =>
  db
    .insertInto("keys")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .compile(),
);

function rowOf(key: NewKey): Schema["keys"] {
  return {
    id: key.id,
    workspaceId: key.workspaceId,
    apiId: key.apiId,
    identityId: key.identityId ?? null,
    subjectId: key.subjectId,
    hash: key.hash,
    start: key.start,
    prefix: key.prefix ?? null,
    byteLength: key.byteLength,
    name: key.name ?? null,
    meta: key.meta ?? null,
    enabled: key.enabled ? 1 : 0,
    expiresAtMs: key.expiresAtMs ?? null,
    createdAtMs: key.nowMs,
    updatedAtMs: null,
    deletedAtMs: null,
    pendingMigrationId: key.pendingMigrationId ?? null,
    sealed: key.sealed ?? null,
    rerolledAtMs: null,
    expiresBeforeRerollMs: null,
    migratedFrom: key.migratedFrom ?? null,
    ipAllowList: key.ipAllowList === undefined ? null : JSON.stringify(key.ipAllowList),
    learnedAtMs: null,
  };
}

/** New values of a key. Values that are `undefined` stay unchanged; null clears a value. */
export type KeyChange = {
  name?: string | null | undefined;
  identityId?: string | null | undefined;
  meta?: string | null | undefined;
  expiresAtMs?: number | null | undefined;
  enabled?: boolean | undefined;
  ipAllowList?: readonly string[] | null | undefined;
};

export async function setKey(tx: Tx, workspaceId: string, id: string, change: KeyChange, nowMs: number) {
  const { name, identityId, meta, expiresAtMs, enabled } = change;
  const ipAllowList = change.ipAllowList ? JSON.stringify(change.ipAllowList) : change.ipAllowList;
  const flag = enabled === undefined ? undefined : Number(enabled);
  await updateRow(tx, {
    workspaceId,
    id,
    nowMs,
    name,
    identityId,
    meta,
    expiresAtMs,
    enabled: flag,
    ipAllowList,
  });
}

type Update = {
  workspaceId: string;
  id: string;
  nowMs: number;
  name: string | null | undefined;
  identityId: string | null | undefined;
  meta: string | null | undefined;
  expiresAtMs: number | null | undefined;
  enabled: number | undefined;
  ipAllowList: string | null | undefined;
};

const updateRow = prepared(
  (db, { workspaceId, id, nowMs, name, identityId, meta, expiresAtMs, enabled, ipAllowList }: Update) =>
    db
      .updateTable("keys")
      .set({
        updatedAtMs: nowMs,
        ...(name === undefined ? {} : { name }),
        ...(identityId === undefined ? {} : { identityId }),
        ...(meta === undefined ? {} : { meta }),
        ...(expiresAtMs === undefined
          ? {}
          : { expiresAtMs, rerolledAtMs: null, expiresBeforeRerollMs: null }),
        ...(enabled === undefined ? {} : { enabled: enabled as Flag }),
        ...(ipAllowList === undefined ? {} : { ipAllowList }),
      })
      .where("workspaceId", "=", workspaceId)
      .where("id", "=", id)
      .compile(),
);

/**
 * Stores that a key was rerolled: it now expires at `expiresAtMs`. `expiresBeforeRerollMs` is the key's expiry before
 * its first reroll.
 */
export async function setKeyRerolled(
  tx: Tx,
  workspaceId: string,
  id: string,
  reroll: { nowMs: number; expiresAtMs: number; expiresBeforeRerollMs: number | undefined },
): Promise<void> {
  const { nowMs, expiresAtMs, expiresBeforeRerollMs = null } = reroll;
  await setRerolled(tx, { workspaceId, id, nowMs, expiresAtMs, expiresBeforeRerollMs });
}

type Reroll = {
  workspaceId: string;
  id: string;
  nowMs: number;
  expiresAtMs: number;
  expiresBeforeRerollMs: number | null;
};

const setRerolled = prepared((db, { workspaceId, id, nowMs, expiresAtMs, expiresBeforeRerollMs }: Reroll) =>
  db
    .updateTable("keys")
    .set({ updatedAtMs: nowMs, rerolledAtMs: nowMs, expiresAtMs, expiresBeforeRerollMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** Links keys that the same transaction has inserted to their identities. Does not change the keys' `updatedAtMs`. */
export async function linkKeysToIdentities(
  tx: Tx,
  workspaceId: string,
  links: readonly { keyId: string; identityId: string }[],
): Promise<void> {
  const rows = links.map(({ keyId, identityId }) => ({ keyId, identityId }));
  await inBatches(rows, (batch) => linkToIdentities(tx, { workspaceId, links: batch }));
}

type Links = { workspaceId: string; links: readonly { keyId: string; identityId: string }[] };

const linkToIdentities = prepared((db, { workspaceId, links }: Links) => {
  const cases = links.map(({ keyId, identityId }) => sql`when ${keyId} then ${identityId}`);
  const keyIds = links.map(({ keyId }) => keyId);
  return db
    .updateTable("keys")
    .set({ identityId: sql<string>`case "id" ${sql.join(cases, sql` `)} end` })
    .where("workspaceId", "=", workspaceId)
    .where("deletedAtMs", "is", null) // lets SQLite use the index of live keys
    .where("id", "in", keyIds)
    .compile();
});

/** Marks the key as deleted. Its row stays. */
export async function setKeyDeleted(tx: Tx, workspaceId: string, id: string, nowMs: number): Promise<void> {
  await setDeleted(tx, { workspaceId, id, nowMs });
}

const setDeleted = prepared((db, args: { workspaceId: string; id: string; nowMs: number }) =>
  db
    .updateTable("keys")
    .set({ deletedAtMs: args.nowMs })
    .where("workspaceId", "=", args.workspaceId)
    .where("id", "=", args.id)
    .compile(),
);

/**
 * Deletes a key's row with the key's rate limits and its links to permissions and roles. Also deletes the key's
 * balance, unless another key has the same `subjectId`.
 */
export async function deleteKeyRow(tx: Tx, workspaceId: string, key: { id: string; subjectId: string }) {
  await deleteRatelimits(tx, workspaceId, key.id);
  await deleteRow(tx, { workspaceId, id: key.id });
  const [unused] = await deleteUnusedBalance(tx, { workspaceId, subjectId: key.subjectId });
  if (unused !== undefined) await deleteHoldParts(tx, { workspaceId, ownerId: unused.id });
}

const deleteRow = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db.deleteFrom("keys").where("workspaceId", "=", workspaceId).where("id", "=", id).compile(),
);

const deleteUnusedBalance = prepared(
  (db, { workspaceId, subjectId }: { workspaceId: string; subjectId: string }) =>
    db
      .deleteFrom("balances")
      .where("workspaceId", "=", workspaceId)
      .where("id", "=", subjectId)
      .where((eb) => {
        const keys = eb.selectFrom("keys").select("keys.id").where("keys.workspaceId", "=", workspaceId);
        const first = keys.where("keys.id", "=", subjectId);
        const rerolled = keys
          .where("keys.subjectId", "=", subjectId)
          .whereRef("keys.subjectId", "<>", "keys.id"); // lets the database use the index `rerolledKeys`
        return eb.and([eb.not(eb.exists(first)), eb.not(eb.exists(rerolled))]);
      })
      .returning("balances.id")
      .compile(),
);
