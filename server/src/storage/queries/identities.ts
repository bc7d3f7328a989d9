import type { IdentityRecord } from "../../domain/verification.ts";
import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";
import { parseMeta } from "./meta.ts";
import { listRatelimits } from "./ratelimits.ts";
import { contains } from "./search.ts";

type IdentityRow = { id: string; externalId: string; meta: string };

/** The identity with this id or external id; where both exist, the one with the id. */
export async function findIdentity(
  db: Db,
  workspaceId: string,
  ref: string,
): Promise<IdentityRecord | undefined> {
  const row = await byRef(db, workspaceId, ref).executeTakeFirst();
  if (row === undefined) return undefined;
  const [identity] = await withRatelimits(db, workspaceId, [row]);
  return identity;
}

/** As `findIdentity`, and nobody else changes it before this transaction ends. */
export async function lockIdentity(
  tx: Tx,
  workspaceId: string,
  ref: string,
): Promise<IdentityRecord | undefined> {
  const locked = await byRef(tx, workspaceId, ref).forUpdate().executeTakeFirst();
  if (locked === undefined) return undefined;
  const [identity] = await withRatelimits(tx, workspaceId, [locked]);
  return identity;
}

function byRef(db: Db, workspaceId: string, ref: string) {
  return db
    .selectFrom("identities")
    .select(["id", "externalId", "meta"])
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", ref), eb("externalId", "=", ref)]))
    .orderBy((eb) => eb.case().when("id", "=", ref).then(0).else(1).end())
    .limit(1);
}

async function withRatelimits(
  db: Db,
  workspaceId: string,
  rows: readonly IdentityRow[],
): Promise<IdentityRecord[]> {
  const limits = await listRatelimits(
    db,
    workspaceId,
    rows.map((row) => row.id),
  );
  return rows.map((row) => ({
    id: row.id,
    externalId: row.externalId,
    meta: parseMeta(row.meta),
    ratelimits: limits.get(row.id) ?? [],
  }));
}

export type IdentityFilter = {
  /** rows whose id comes after this in byte order */
  afterId: string | undefined;
  limit: number;
  /** literal text within id or external id, ASCII letters in either case */
  search: string | undefined;
  /** only these ids; undefined: all */
  onlyIds: readonly string[] | undefined;
};

/** Identities in creation order. */
export async function listIdentities(
  db: Db,
  workspaceId: string,
  filter: IdentityFilter,
): Promise<IdentityRecord[]> {
  let query = db
    .selectFrom("identities")
    .select(["id", "externalId", "meta"])
    .where("workspaceId", "=", workspaceId)
    .orderBy("id")
    .limit(filter.limit);
  const { afterId, search, onlyIds } = filter;
  if (afterId !== undefined) query = query.where("id", ">", afterId);
  if (onlyIds !== undefined) query = query.where("id", "in", onlyIds);
  if (search !== undefined)
    query = query.where((eb) => eb.or([contains("id", search), contains("externalId", search)]));
  return withRatelimits(db, workspaceId, await query.execute());
}

/** The row is there once; `undefined` means that the external id was taken. */
export async function insertIdentity(
  tx: Tx,
  identity: { id: string; workspaceId: string; externalId: string; meta: string; nowMs: number },
): Promise<string | undefined> {
  const { id, workspaceId, externalId, meta, nowMs } = identity;
  const [row] = await insertUnlessTaken(tx, { id, workspaceId, externalId, meta, nowMs });
  return row?.id;
}

const insertUnlessTaken = prepared(
  (db, args: { id: string; workspaceId: string; externalId: string; meta: string; nowMs: number }) =>
    db
      .insertInto("identities")
      .values({
        id: args.id,
        workspaceId: args.workspaceId,
        externalId: args.externalId,
        meta: args.meta,
        createdAtMs: args.nowMs,
        updatedAtMs: null,
      })
      .onConflict((conflict) => conflict.columns(["workspaceId", "externalId"]).doNothing())
      .returning("id")
      .compile(),
);

/** The id of the identity with this external id, made with empty meta where there was none. */
export async function claimIdentity(
  tx: Tx,
  identity: { id: string; workspaceId: string; externalId: string; nowMs: number },
): Promise<string> {
  for (;;) {
    const inserted = await insertIdentity(tx, { ...identity, meta: "{}" });
    if (inserted !== undefined) return inserted;
    const row = await tx
      .selectFrom("identities")
      .select("id")
      .where("workspaceId", "=", identity.workspaceId)
      .where("externalId", "=", identity.externalId)
      .executeTakeFirst();
    if (row !== undefined) return row.id;
    // it was deleted between the two
  }
}

export async function setIdentityUpdated(
  tx: Tx,
  workspaceId: string,
  id: string,
  change: { meta: string | undefined; nowMs: number },
): Promise<void> {
  const { meta, nowMs } = change;
  await tx
    .updateTable("identities")
    .set(meta === undefined ? { updatedAtMs: nowMs } : { meta, updatedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .execute();
}

/** Deletes the row alone; its keys keep pointing at an id that no other identity will ever have. */
export async function deleteIdentityRow(tx: Tx, workspaceId: string, id: string): Promise<void> {
  await tx.deleteFrom("identities").where("workspaceId", "=", workspaceId).where("id", "=", id).execute();
}
