import { sql } from "kysely";
import type { StoredRatelimit } from "../../domain/ratelimits.ts";
import type { IdentityRecord } from "../../domain/verification.ts";
import { inBatches, inByteOrder } from "../batches.ts";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";
import { parseMeta } from "./meta.ts";
import { listOwnRatelimits, listRatelimits, listRatelimitsBetween } from "./ratelimits.ts";
import { type SearchFilter, searchedList } from "./searchedList.ts";
import type { Walked } from "./walk.ts";

const identityColumns = ["id", "externalId", "meta"] as const;

type IdentityRow = { id: string; externalId: string; meta: string; accountId: string | null };

/** An identity. `hasAccount`: `balances` has a row for the identity, so it may have credits, quotas or holds. */
export type FoundIdentity = IdentityRecord & { hasAccount: boolean };

/** Selects the id of the identity's account, which is the identity's own id; null if it has no account. */
function accountIdOf(db: Db, workspaceId: string) {
  return db
    .selectFrom("balances")
    .select("balances.id")
    .where("balances.workspaceId", "=", workspaceId)
    .whereRef("balances.id", "=", sql.ref("identities.id"))
    .as("accountId");
}

type Ref = { workspaceId: string; ref: string };

/** Finds the identity whose id or external id is `ref`. If two identities match, returns the one whose id is `ref`. */
export async function findIdentity(
  db: Db,
  workspaceId: string,
  ref: string,
): Promise<FoundIdentity | undefined> {
  const row = byId(await selectByRef(db, { workspaceId, ref }), ref);
  return row && withOwnRatelimits(db, workspaceId, row);
}

/** Like `findIdentity`, but returns only the id of the identity. */
export async function findIdentityId(db: Db, workspaceId: string, ref: string): Promise<string | undefined> {
  return byId(await selectByRef(db, { workspaceId, ref }), ref)?.id;
}

/** Like `findIdentity`, with a row lock until the transaction ends. */
export async function lockIdentity(
  tx: Tx,
  workspaceId: string,
  ref: string,
): Promise<FoundIdentity | undefined> {
  const [locked] = await lockByRef(tx, { workspaceId, ref });
  return locked && withOwnRatelimits(tx, workspaceId, locked);
}

const selectByRef = prepared((db, ref: Ref) => byRef(db, ref).compile());
const lockByRef = prepared((db, { workspaceId, ref }: Ref) =>
  byRef(db, { workspaceId, ref })
    .orderBy((eb) => eb.case().when("id", "=", ref).then(0).else(1).end())
    .limit(1)
    .forUpdate()
    .compile(),
);

/**
 * Chooses one of at most two rows: preferably the row whose id is `ref`. The query does not sort the rows, because
 * SQLite takes 17 µs to sort them, five times as long as to find them.
 */
function byId(rows: readonly IdentityRow[], ref: string): IdentityRow | undefined {
  return rows.find((row) => row.id === ref) ?? rows[0];
}

function byRef(db: Db, { workspaceId, ref }: Ref) {
  return ofWorkspace(db, workspaceId).where((eb) => eb.or([eb("id", "=", ref), eb("externalId", "=", ref)]));
}

async function withOwnRatelimits(db: Db, workspaceId: string, row: IdentityRow): Promise<FoundIdentity> {
  return identityOf(row, await listOwnRatelimits(db, workspaceId, row.id));
}

function identityOf(
  { id, externalId, meta, accountId }: IdentityRow,
  ratelimits: StoredRatelimit[],
): FoundIdentity {
  return { id, externalId, meta: parseMeta(meta), ratelimits, hasAccount: accountId !== null };
}

/** Lists identities in the order of their creation. `search` looks for a text in their ids and external ids. */
export async function listIdentities(
  db: Db,
  workspaceId: string,
  filter: SearchFilter,
): Promise<Walked<FoundIdentity>> {
  const { rows, readUntilId } = await readPage(db, workspaceId, filter);
  const isWhole = filter.search === undefined && filter.onlyIds === undefined;
  const ids = rows.map((row) => row.id);
  const isRange = isWhole && rows[0]?.isAlone === 1 && ids.every(isUsualId);
  const limits = await (isRange ? listRatelimitsBetween : listRatelimits)(db, workspaceId, ids);
  return { rows: rows.map((row) => identityOf(row, limits.get(row.id) ?? [])), readUntilId };
}

/**
 * Returns whether this id begins like the ids that Latchkey creates for identities. An imported identity may have any
 * id. The limits of a page are read by a range of ids only if all ids are usual: a range from `id_1` to `user_1` would
 * include all keys, whose ids begin with `key_`.
 */
function isUsualId(id: string): boolean {
  return id.startsWith("id_");
}

/** Reads a page of a list of identities. `isAlone` is 1 if the database has only one workspace. */
const readPage = searchedList(
  (db: Db, workspaceId: string) => {
    const workspaces = db.selectFrom("workspaces");
    const first = workspaces.select((eb) => eb.fn.min("id").as("id"));
    const last = workspaces.select((eb) => eb.fn.max("id").as("id"));
    return ofWorkspace(db, workspaceId).select((eb) =>
      eb.case().when(first, "=", last).then(1).else(0).end().as("isAlone"),
    );
  },
  ["id", "externalId"],
);

function ofWorkspace(db: Db, workspaceId: string) {
  return db
    .selectFrom("identities")
    .select(identityColumns)
    .select(accountIdOf(db, workspaceId))
    .where("workspaceId", "=", workspaceId);
}

/** Inserts an identity and returns its id. If the external id is taken, inserts nothing and returns `undefined`. */
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

/**
 * Returns the id of the identity with this external id. If the identity does not exist, creates it with empty metadata.
 */
export async function claimIdentity(
  tx: Tx,
  identity: { id: string; workspaceId: string; externalId: string; nowMs: number },
): Promise<string> {
  for (;;) {
    const inserted = await insertIdentity(tx, { ...identity, meta: "{}" });
    if (inserted !== undefined) return inserted;
    const { workspaceId, externalId } = identity;
    const [row] = await selectByExternalIds(tx, { workspaceId, externalIds: [externalId] });
    if (row !== undefined) return row.id;
    // another transaction has deleted the identity between the insert and the read: try again
  }
}

/** Like `claimIdentity`, for several external ids. `createdIds` has the ids of the identities that it created. */
export async function claimIdentities(
  tx: Tx,
  workspaceId: string,
  externalIds: readonly string[],
  creation: { newId: () => string; nowMs: number },
): Promise<{ ids: Map<string, string>; createdIds: string[] }> {
  const ids = new Map<string, string>();
  const createdIds: string[] = [];
  let missing = inByteOrder(externalIds);
  while (missing.length > 0) {
    const rows = missing.map((externalId) => ({
      id: creation.newId(),
      workspaceId,
      externalId,
      meta: "{}",
      createdAtMs: creation.nowMs,
      updatedAtMs: null,
    }));
    for (const { id } of await inBatches(rows, (batch) => insertUnlessAllTaken(tx, { rows: batch })))
      createdIds.push(id);
    for (const row of await inBatches(missing, (externalIds) =>
      selectByExternalIds(tx, { workspaceId, externalIds }),
    ))
      ids.set(row.externalId, row.id);
    // another transaction has deleted the missing identities between the insert and the read: try again
    missing = missing.filter((externalId) => !ids.has(externalId));
  }
  return { ids, createdIds };
}

const insertUnlessAllTaken = prepared((db, { rows }: { rows: readonly Schema["identities"][] }) =>
  db
    .insertInto("identities")
    .values(rows)
    .onConflict((conflict) => conflict.columns(["workspaceId", "externalId"]).doNothing())
    .returning("id")
    .compile(),
);

type ExternalIds = { workspaceId: string; externalIds: readonly string[] };

const selectByExternalIds = prepared((db, { workspaceId, externalIds }: ExternalIds) =>
  db
    .selectFrom("identities")
    .select(["id", "externalId"])
    .where("workspaceId", "=", workspaceId)
    .where(isIn("externalId", externalIds))
    .compile(),
);

export async function setIdentityUpdated(
  tx: Tx,
  workspaceId: string,
  id: string,
  change: { meta: string | undefined; nowMs: number },
): Promise<void> {
  await updateRow(tx, { workspaceId, id, meta: change.meta, nowMs: change.nowMs });
}

type Update = { workspaceId: string; id: string; meta: string | undefined; nowMs: number };

const updateRow = prepared((db, { workspaceId, id, meta, nowMs }: Update) =>
  db
    .updateTable("identities")
    .set(meta === undefined ? { updatedAtMs: nowMs } : { meta, updatedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** Deletes only the identity's row. Its keys keep the id of the deleted identity, which is never used again. */
export async function deleteIdentityRow(tx: Tx, workspaceId: string, id: string): Promise<void> {
  await deleteRow(tx, { workspaceId, id });
}

const deleteRow = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db.deleteFrom("identities").where("workspaceId", "=", workspaceId).where("id", "=", id).compile(),
);
