import type { Caller } from "../../domain/caller.ts";
import type { Db, Tx } from "../schema.ts";

/** A root key as authentication needs it. */
export type RootKeyRecord = {
  caller: Caller;
  enabled: boolean;
  workspaceEnabled: boolean;
  expiresAtMs: number | undefined;
};

export async function findRootKeyByHash(db: Db, hash: string): Promise<RootKeyRecord | undefined> {
  const row = await db
    .selectFrom("rootKeys")
    .innerJoin("workspaces", "workspaces.id", "rootKeys.workspaceId")
    .select(["rootKeys.id", "rootKeys.workspaceId", "rootKeys.permissions", "rootKeys.enabled"])
    .select(["rootKeys.expiresAtMs", "workspaces.enabled as workspaceEnabled"])
    .where("rootKeys.hash", "=", hash)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const permissions = new Set(parsePermissions(row.permissions));
  return {
    caller: { workspaceId: row.workspaceId, rootKeyId: row.id, permissions },
    enabled: row.enabled === 1,
    workspaceEnabled: row.workspaceEnabled === 1,
    expiresAtMs: row.expiresAtMs ?? undefined,
  };
}

/** The stored permissions; what cannot be read grants nothing. */
function parsePermissions(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export type NewRootKey = {
  id: string;
  workspaceId: string;
  hash: string;
  start: string;
  name: string | undefined;
  permissions: readonly string[];
  expiresAtMs: number | undefined;
  nowMs: number;
};

export async function insertRootKey(tx: Tx, key: NewRootKey): Promise<void> {
  await tx
    .insertInto("rootKeys")
    .values({
      id: key.id,
      workspaceId: key.workspaceId,
      hash: key.hash,
      start: key.start,
      name: key.name ?? null,
      permissions: JSON.stringify(key.permissions),
      enabled: 1,
      expiresAtMs: key.expiresAtMs ?? null,
      createdAtMs: key.nowMs,
    })
    .execute();
}

/** All root keys of a workspace, in creation order; never the keys themselves, of which only hashes exist. */
export async function listRootKeys(db: Db, workspaceId: string) {
  return db
    .selectFrom("rootKeys")
    .select(["id", "name", "start", "permissions", "enabled", "expiresAtMs", "createdAtMs"])
    .where("workspaceId", "=", workspaceId)
    .orderBy("id")
    .execute();
}

/** Whether there was one to delete. */
export async function deleteRootKey(tx: Tx, id: string): Promise<boolean> {
  const row = await tx.deleteFrom("rootKeys").where("id", "=", id).returning("id").executeTakeFirst();
  return row !== undefined;
}
