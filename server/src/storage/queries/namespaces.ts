import { type Override, type OverrideTable, overrideTable } from "../../domain/overrides.ts";
import { prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";
import { searchedList } from "./searchedList.ts";

/** A namespace with what a rate limit decision needs to know about it. */
export type NamespaceRecord = { id: string; overrides: OverrideTable };

/** Finds the id of the namespace whose id or name is `ref`. If two namespaces match, returns the id that is `ref`. */
export async function findNamespaceId(db: Db, workspaceId: string, ref: string): Promise<string | undefined> {
  const rows = await selectByRef(db, { workspaceId, ref });
  return (rows.find(({ id }) => id === ref) ?? rows[0])?.id;
}

const selectByRef = prepared((db, { workspaceId, ref }: { workspaceId: string; ref: string }) =>
  db
    .selectFrom("namespaces")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", ref), eb("name", "=", ref)]))
    .compile(),
);

/** Like `findNamespaceId`, but returns the namespace with all its overrides. */
export async function findNamespace(
  db: Db,
  workspaceId: string,
  ref: string,
): Promise<NamespaceRecord | undefined> {
  const id = await findNamespaceId(db, workspaceId, ref);
  if (id === undefined) return undefined;
  const overrides = await selectAllOverrides(db, { workspaceId, namespaceId: id });
  return { id, overrides: overrideTable(overrides) };
}

/** A namespace as the operations return it. */
export type NamespaceRow = Pick<Schema["namespaces"], "id" | "name" | "createdAtMs">;

function ofWorkspace(db: Db, workspaceId: string) {
  return db
    .selectFrom("namespaces")
    .select(["id", "name", "createdAtMs"])
    .where("workspaceId", "=", workspaceId);
}

export async function findNamespaceRow(
  db: Db,
  workspaceId: string,
  id: string,
): Promise<NamespaceRow | undefined> {
  return (await selectRow(db, { workspaceId, id }))[0];
}

type OfId = { workspaceId: string; id: string };

const selectRow = prepared((db, { workspaceId, id }: OfId) =>
  ofWorkspace(db, workspaceId).where("id", "=", id).compile(),
);

/** Lists namespaces in the order of their creation. `search` looks for a text in their ids and names. */
export const listNamespaces = searchedList(ofWorkspace, ["id", "name"]);

/**
 * Renames a namespace. If another namespace has the name, changes nothing and returns false. The caller must have
 * locked the workspace.
 */
export async function renameNamespaceRow(
  tx: Tx,
  workspaceId: string,
  id: string,
  name: string,
): Promise<boolean> {
  const taken = await selectByName(tx, { workspaceId, name });
  if (taken.some((row) => row.id !== id)) return false;
  await updateName(tx, { workspaceId, id, name });
  return true;
}

const updateName = prepared((db, { workspaceId, id, name }: OfId & { name: string }) =>
  db
    .updateTable("namespaces")
    .set({ name })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** Deletes a namespace and its overrides. Returns false if the namespace does not exist. */
export async function deleteNamespaceRow(tx: Tx, workspaceId: string, id: string): Promise<boolean> {
  return (await deleteRow(tx, { workspaceId, id })).length > 0;
}

const deleteRow = prepared((db, { workspaceId, id }: OfId) =>
  db
    .deleteFrom("namespaces")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .returning("id")
    .compile(),
);

type OfNamespace = { workspaceId: string; namespaceId: string };

const selectAllOverrides = prepared((db, of: OfNamespace) => selectOverrides(db, of).compile());

/**
 * Locks the namespace's row until this transaction ends. Meanwhile, no other transaction can delete the namespace, or
 * lock it to add an override. Returns false if the namespace does not exist.
 */
export async function lockNamespace(tx: Tx, workspaceId: string, id: string): Promise<boolean> {
  return (await lockRow(tx, { workspaceId, id })).length > 0;
}

const lockRow = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .selectFrom("namespaces")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .forUpdate()
    .compile(),
);

export async function countNamespaces(db: Db, workspaceId: string): Promise<number> {
  return (await selectCount(db, { workspaceId }))[0]?.count ?? 0;
}

const selectCount = prepared((db, { workspaceId }: { workspaceId: string }) =>
  db
    .selectFrom("namespaces")
    .select(db.fn.countAll<number>().as("count"))
    .where("workspaceId", "=", workspaceId)
    .compile(),
);

export async function countOverrides(db: Db, workspaceId: string, namespaceId: string): Promise<number> {
  return (await selectOverrideCount(db, { workspaceId, namespaceId }))[0]?.count ?? 0;
}

const selectOverrideCount = prepared((db, { workspaceId, namespaceId }: OfNamespace) =>
  db
    .selectFrom("overrides")
    .select(db.fn.countAll<number>().as("count"))
    .where("workspaceId", "=", workspaceId)
    .where("namespaceId", "=", namespaceId)
    .compile(),
);

type NewNamespace = { id: string; workspaceId: string; name: string; nowMs: number };

/** Returns the id of the namespace with this name. Creates the namespace if it does not exist. */
export async function claimNamespace(
  tx: Tx,
  { id, workspaceId, name, nowMs }: NewNamespace,
): Promise<{ id: string; created: boolean }> {
  const [inserted] = await insertUnlessTaken(tx, { id, workspaceId, name, nowMs });
  if (inserted !== undefined) return { id, created: true };
  const [existing] = await selectByName(tx, { workspaceId, name });
  if (existing === undefined)
    throw new Error("The namespace was deleted while it was read: repeat the request.");
  return { id: existing.id, created: false };
}

const insertUnlessTaken = prepared((db, { id, workspaceId, name, nowMs }: NewNamespace) =>
  db
    .insertInto("namespaces")
    .values({ id, workspaceId, name, createdAtMs: nowMs })
    .onConflict((conflict) => conflict.columns(["workspaceId", "name"]).doNothing())
    .returning("id")
    .compile(),
);

const selectByName = prepared((db, { workspaceId, name }: { workspaceId: string; name: string }) =>
  db
    .selectFrom("namespaces")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("name", "=", name)
    .compile(),
);

function selectOverrides(db: Db, { workspaceId, namespaceId }: OfNamespace) {
  return db
    .selectFrom("overrides")
    .select(["id", "identifier", "limit", "durationMs"])
    .where("workspaceId", "=", workspaceId)
    .where("namespaceId", "=", namespaceId);
}

/** Lists overrides of a namespace in the order of their creation. */
export async function listOverrides(
  db: Db,
  workspaceId: string,
  namespaceId: string,
  filter: { afterId: string | undefined; limit: number },
): Promise<Override[]> {
  return selectPage(db, { workspaceId, namespaceId, afterId: filter.afterId, limit: filter.limit });
}

const selectPage = prepared(
  (db, { afterId, limit, ...of }: OfNamespace & { afterId: string | undefined; limit: number }) => {
    const query = selectOverrides(db, of).orderBy("id").limit(limit);
    return (afterId === undefined ? query : query.where("id", ">", afterId)).compile();
  },
);

export type NewOverride = Override & { workspaceId: string; namespaceId: string; nowMs: number };

/** Inserts or updates the override of an identifier. Returns the override's id, which an update does not change. */
export async function setOverrideRow(tx: Tx, override: NewOverride): Promise<string> {
  const { id, workspaceId, namespaceId, identifier, limit, durationMs, nowMs } = override;
  const row = { id, workspaceId, namespaceId, identifier, limit, durationMs, nowMs };
  const [stored] = await upsertOverride(tx, row);
  if (stored === undefined)
    throw new Error(
      `The namespace ${namespaceId} has an override of another workspace: the database is damaged. Restore a backup.`,
    );
  return stored.id;
}

const upsertOverride = prepared((db, { nowMs, ...row }: NewOverride) =>
  db
    .insertInto("overrides")
    .values({ ...row, createdAtMs: nowMs, updatedAtMs: null })
    .onConflict((conflict) =>
      conflict
        .columns(["namespaceId", "identifier"])
        .doUpdateSet({ limit: row.limit, durationMs: row.durationMs, updatedAtMs: nowMs })
        .where("overrides.workspaceId", "=", row.workspaceId),
    )
    .returning("id")
    .compile(),
);

/**
 * Deletes the override for exactly this identifier or pattern, and returns the override's id. Returns `undefined` if
 * the namespace has no such override.
 */
export async function deleteOverrideRow(
  tx: Tx,
  workspaceId: string,
  namespaceId: string,
  identifier: string,
): Promise<string | undefined> {
  return (await deleteOverride(tx, { workspaceId, namespaceId, identifier }))[0]?.id;
}

const deleteOverride = prepared(
  (db, { workspaceId, namespaceId, identifier }: OfNamespace & { identifier: string }) =>
    db
      .deleteFrom("overrides")
      .where("workspaceId", "=", workspaceId)
      .where("namespaceId", "=", namespaceId)
      .where("identifier", "=", identifier)
      .returning("id")
      .compile(),
);
