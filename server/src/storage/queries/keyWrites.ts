import type { Tx } from "../schema.ts";

export type NewKey = {
  id: string;
  workspaceId: string;
  apiId: string;
  identityId: string | undefined;
  /** what its balance and counters go by: its own id, or that of the key it follows */
  subjectId: string;
  hash: string;
  start: string;
  prefix: string | undefined;
  byteLength: number;
  name: string | undefined;
  /** JSON text */
  meta: string | undefined;
  enabled: boolean;
  expiresAtMs: number | undefined;
  /** the migration that brings it over; undefined for a key of our own making */
  pendingMigrationId: string | undefined;
  /** the key under the server's recovery key; undefined where it is never to be shown again */
  sealed: string | undefined;
  nowMs: number;
};

/** Whether it was inserted; false where the workspace has this hash already. */
export async function insertKey(tx: Tx, key: NewKey): Promise<boolean> {
  const row = await tx
    .insertInto("keys")
    .values({
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
    })
    .onConflict((conflict) => conflict.columns(["workspaceId", "hash"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** What to change; undefined stays, null is cleared. */
export type KeyChange = {
  name?: string | null | undefined;
  identityId?: string | null | undefined;
  meta?: string | null | undefined;
  expiresAtMs?: number | null | undefined;
  enabled?: boolean | undefined;
};

export async function setKey(tx: Tx, workspaceId: string, id: string, change: KeyChange, nowMs: number) {
  const { name, identityId, meta, expiresAtMs, enabled } = change;
  await tx
    .updateTable("keys")
    .set({
      updatedAtMs: nowMs,
      ...(name === undefined ? {} : { name }),
      ...(identityId === undefined ? {} : { identityId }),
      ...(meta === undefined ? {} : { meta }),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      ...(enabled === undefined ? {} : { enabled: enabled ? (1 as const) : (0 as const) }),
    })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .execute();
}

/** Links a key that was just inserted to an identity; no change of the key. */
export async function linkKeyToIdentity(
  tx: Tx,
  workspaceId: string,
  id: string,
  identityId: string,
): Promise<void> {
  await tx
    .updateTable("keys")
    .set({ identityId })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .execute();
}

/** The key is gone for everybody; its row stays. */
export async function setKeyDeleted(tx: Tx, workspaceId: string, id: string, nowMs: number): Promise<void> {
  await tx
    .updateTable("keys")
    .set({ deletedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .execute();
}

/** Deletes the row with its limits and links, and the balance where no other key shares it. */
export async function deleteKeyRow(tx: Tx, workspaceId: string, key: { id: string; subjectId: string }) {
  await tx
    .deleteFrom("ratelimits")
    .where("workspaceId", "=", workspaceId)
    .where("ownerId", "=", key.id)
    .execute();
  await tx.deleteFrom("keys").where("workspaceId", "=", workspaceId).where("id", "=", key.id).execute();
  await tx
    .deleteFrom("balances")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", key.subjectId)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("keys")
            .select("keys.id")
            .where("keys.workspaceId", "=", workspaceId)
            .where("keys.subjectId", "=", key.subjectId),
        ),
      ),
    )
    .execute();
}
