import { type Override, type OverrideTable, overrideTable } from "../../domain/overrides.ts";
import type { Db, Tx } from "../schema.ts";

/** A namespace with its overrides, as a decision needs it; `bytes` is roughly what it takes in memory. */
export type NamespaceRecord = { id: string; overrides: OverrideTable; bytes: number };

/** The namespace with this id or name; where both exist, the one with the id. */
export async function findNamespaceId(db: Db, workspaceId: string, ref: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("namespaces")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", ref), eb("name", "=", ref)]))
    .orderBy((eb) => eb.case().when("id", "=", ref).then(0).else(1).end())
    .limit(1)
    .executeTakeFirst();
  return row?.id;
}

/** As `findNamespaceId`, with all its overrides. */
export async function findNamespace(
  db: Db,
  workspaceId: string,
  ref: string,
): Promise<NamespaceRecord | undefined> {
  const id = await findNamespaceId(db, workspaceId, ref);
  if (id === undefined) return undefined;
  const overrides = await selectOverrides(db, workspaceId, id).execute();
  return { id, overrides: overrideTable(overrides), bytes: 500 + 400 * overrides.length };
}

/** The id of the namespace with this name, and whether this call made it. */
export async function claimNamespace(
  tx: Tx,
  namespace: { id: string; workspaceId: string; name: string; nowMs: number },
): Promise<{ id: string; made: boolean }> {
  const { id, workspaceId, name, nowMs } = namespace;
  const row = await tx
    .insertInto("namespaces")
    .values({ id, workspaceId, name, createdAtMs: nowMs })
    .onConflict((conflict) => conflict.columns(["workspaceId", "name"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  if (row !== undefined) return { id, made: true };
  const existing = await tx
    .selectFrom("namespaces")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("name", "=", name)
    .executeTakeFirstOrThrow();
  return { id: existing.id, made: false };
}

function selectOverrides(db: Db, workspaceId: string, namespaceId: string) {
  return db
    .selectFrom("overrides")
    .select(["id", "identifier", "limit", "durationMs"])
    .where("workspaceId", "=", workspaceId)
    .where("namespaceId", "=", namespaceId);
}

/** Overrides of a namespace, in creation order. */
export async function listOverrides(
  db: Db,
  workspaceId: string,
  namespaceId: string,
  filter: { afterId: string | undefined; limit: number },
): Promise<Override[]> {
  const query = selectOverrides(db, workspaceId, namespaceId).orderBy("id").limit(filter.limit);
  return (filter.afterId === undefined ? query : query.where("id", ">", filter.afterId)).execute();
}

export type NewOverride = Override & { workspaceId: string; namespaceId: string; nowMs: number };

/** The id of the identifier's override: one that was there keeps its own. */
export async function setOverrideRow(tx: Tx, override: NewOverride): Promise<string> {
  const { id, workspaceId, namespaceId, identifier, limit, durationMs, nowMs } = override;
  const row = await tx
    .insertInto("overrides")
    .values({
      id,
      workspaceId,
      namespaceId,
      identifier,
      limit,
      durationMs,
      createdAtMs: nowMs,
      updatedAtMs: null,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["namespaceId", "identifier"])
        .doUpdateSet({ limit, durationMs, updatedAtMs: nowMs })
        .where("overrides.workspaceId", "=", workspaceId),
    )
    .returning("id")
    .executeTakeFirstOrThrow();
  return row.id;
}

/** The id of the override that was deleted; undefined where there was none for just this identifier. */
export async function deleteOverrideRow(
  tx: Tx,
  workspaceId: string,
  namespaceId: string,
  identifier: string,
): Promise<string | undefined> {
  const row = await tx
    .deleteFrom("overrides")
    .where("workspaceId", "=", workspaceId)
    .where("namespaceId", "=", namespaceId)
    .where("identifier", "=", identifier)
    .returning("id")
    .executeTakeFirst();
  return row?.id;
}
