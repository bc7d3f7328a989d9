import { type SqlBool, sql } from "kysely";
import { nextTurn } from "../../domain/nextTurn.ts";
import { inBatches, inByteOrder } from "../batches.ts";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";

/**
 * A hold reserves credits or units of a quota until it is settled or released, or expires. While it is open, it has a
 * part for each account from which it has taken units: the key's, the identity's, or both.
 */
export type Hold = Schema["holds"];
type Part = Schema["holdParts"];
const partColumns = [
  "workspaceId",
  "ownerId",
  "holdId",
  "quota",
  "taken",
  "units",
  "onExpiry",
  "expiresAtMs",
] as const;

type OwnerKey = { workspaceId: string; ownerId: string };

export async function insertHold(tx: Tx, hold: Hold, parts: readonly Part[]): Promise<void> {
  const inserts = [insertHoldRow(tx, { rows: [hold] })];
  if (parts.length > 0) inserts.push(insertPartRows(tx, { rows: parts })); // a hold of unlimited credits has no parts
  await Promise.all(inserts);
}

const insertHoldRow = prepared((db, { rows }: { rows: readonly Hold[] }) =>
  db.insertInto("holds").values(rows).compile(),
);
const insertPartRows = prepared((db, { rows }: { rows: readonly Part[] }) =>
  db.insertInto("holdParts").values(rows).compile(),
);

export async function findHold(db: Db, workspaceId: string, id: string): Promise<Hold | undefined> {
  const [hold] = await selectHold(db, { workspaceId, id });
  return hold;
}

type HoldKey = { workspaceId: string; id: string };

const selectHold = prepared((db, key: HoldKey) => byId(db, key).compile());
const selectHoldForUpdate = prepared((db, key: HoldKey) => byId(db, key).forUpdate().compile());

function byId(db: Db, { workspaceId, id }: HoldKey) {
  return holdRows(db).where("workspaceId", "=", workspaceId).where("id", "=", id);
}

function holdRows(db: Db) {
  return db
    .selectFrom("holds")
    .select(["id", "workspaceId", "keyId", "apiId", "subjectId", "identityId", "quota", "amount"])
    .select(["onExpiry", "createdAtMs", "expiresAtMs", "endedAtMs", "outcome", "requestId", "tags"]);
}

/**
 * Locks and returns holds of credits that have expired without an outcome and whose `onExpiry` is "charge".
 * `isLimited`: the key or its identity has limited credits.
 */
export const lockChargedHolds = prepared((db, { nowMs, limit }: { nowMs: number; limit: number }) =>
  holdRows(db)
    .select((eb) =>
      eb
        .case()
        .when(
          eb.exists(
            eb
              .selectFrom("balances")
              .select("balances.id")
              .whereRef("balances.workspaceId", "=", "holds.workspaceId")
              .where((owner) =>
                owner.or([
                  owner("balances.id", "=", owner.ref("holds.subjectId")),
                  owner("balances.id", "=", owner.ref("holds.identityId")),
                ]),
              )
              .where("balances.remaining", "is not", null),
          ),
        )
        .then(1)
        .else(0)
        .end()
        .as("isLimited"),
    )
    // exactly the condition of the index "holdsToCharge", so that the database uses it
    .where(sql<SqlBool>`"onExpiry" = 'charge' and "quota" is null and "outcome" is null`)
    .where("expiresAtMs", "<=", nowMs)
    .orderBy("expiresAtMs")
    .limit(limit)
    .forUpdate()
    .compile(),
);

/** Like `findHold`, with a row lock until the transaction ends. */
export async function lockHold(tx: Tx, workspaceId: string, id: string): Promise<Hold | undefined> {
  const [hold] = await selectHoldForUpdate(tx, { workspaceId, id });
  return hold;
}

type End = { workspaceId: string; id: string; endedAtMs: number; outcome: string };

/** Deletes these owners' parts of a hold, and returns the deleted parts. */
export async function takeParts(tx: Tx, hold: HoldKey, ownerIds: readonly string[]): Promise<Part[]> {
  const { workspaceId, id: holdId } = hold;
  const parts = await Promise.all(ownerIds.map((ownerId) => takePart(tx, { workspaceId, ownerId, holdId })));
  return parts.flat();
}

export const setHoldEnded = prepared((db, end: End) =>
  db
    .updateTable("holds")
    .set({ endedAtMs: end.endedAtMs, outcome: end.outcome })
    .where("workspaceId", "=", end.workspaceId)
    .where("id", "=", end.id)
    .compile(),
);

const takePart = prepared((db, key: OwnerKey & { holdId: string }) =>
  db
    .deleteFrom("holdParts")
    .where("workspaceId", "=", key.workspaceId)
    .where("ownerId", "=", key.ownerId)
    .where("holdId", "=", key.holdId)
    .returning(partColumns)
    .compile(),
);

/**
 * Stores that these holds have expired, so that a node whose clock is behind does not treat them as open. Locks the
 * holds in the order of their ids, because another transaction may do the same for another owner of these holds, and
 * the two transactions must not deadlock.
 */
export async function noteExpired(
  tx: Tx,
  expired: readonly { workspaceId: string; holdId: string }[],
  nowMs: number,
): Promise<void> {
  const byWorkspace = Map.groupBy(expired, ({ workspaceId }) => workspaceId);
  for (const workspaceId of inByteOrder([...byWorkspace.keys()])) {
    const ids = inByteOrder((byWorkspace.get(workspaceId) ?? []).map(({ holdId }) => holdId));
    await inBatches(ids, async (ids) => {
      await lockOpen(tx, { workspaceId, ids });
      return setExpired(tx, { workspaceId, ids, nowMs });
    });
  }
}

type HoldKeys = { workspaceId: string; ids: readonly string[] };

const lockOpen = prepared((db, { workspaceId, ids }: HoldKeys) =>
  db
    .selectFrom("holds")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where(isIn("id", ids))
    .where("endedAtMs", "is", null)
    .orderBy("id")
    .forUpdate()
    .compile(),
);

const setExpired = prepared((db, { workspaceId, ids, nowMs }: HoldKeys & { nowMs: number }) =>
  db
    .updateTable("holds")
    .set({ endedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where(isIn("id", ids))
    .where("endedAtMs", "is", null)
    .compile(),
);

/** How many parts are read at a time. Between two reads, other requests run. */
const partsAtOnce = 1_000;

/**
 * Reads an owner's parts of expired holds, in the order of their expiry. Yields lists of at most `partsAtOnce` parts.
 */
export async function* expiredParts(db: Db, owner: OwnerKey & { nowMs: number }): AsyncGenerator<Part[]> {
  let [afterMs, afterId] = [-1, ""];
  for (;;) {
    const parts = await selectExpired(db, { ...owner, afterMs, afterId, limit: partsAtOnce });
    const last = parts.at(-1);
    if (last !== undefined) yield parts;
    if (last === undefined || parts.length < partsAtOnce) return;
    [afterMs, afterId] = [last.expiresAtMs, last.holdId];
    await nextTurn();
  }
}

type Expired = OwnerKey & { nowMs: number; afterMs: number; afterId: string; limit: number };

const selectExpired = prepared((db, args: Expired) =>
  db
    .selectFrom("holdParts")
    .select(partColumns)
    .where("workspaceId", "=", args.workspaceId)
    .where("ownerId", "=", args.ownerId)
    .where("expiresAtMs", "<=", args.nowMs)
    .where("expiresAtMs", ">=", args.afterMs)
    .where((eb) => eb.or([eb("expiresAtMs", ">", args.afterMs), eb("holdId", ">", args.afterId)]))
    .orderBy("expiresAtMs")
    .orderBy("holdId")
    .limit(args.limit)
    .compile(),
);

/** Lists an owner's parts of open holds and of expired holds whose expiry is not yet applied, in order of expiry. */
export const listOpenParts = prepared((db, args: OwnerKey & { limit: number }) =>
  db
    .selectFrom("holdParts")
    .select(partColumns)
    .where("workspaceId", "=", args.workspaceId)
    .where("ownerId", "=", args.ownerId)
    .orderBy("expiresAtMs")
    .limit(args.limit)
    .compile(),
);

export const deleteParts = prepared((db, args: OwnerKey & { holdIds: readonly string[] }) =>
  db
    .deleteFrom("holdParts")
    .where("workspaceId", "=", args.workspaceId)
    .where("ownerId", "=", args.ownerId)
    .where(isIn("holdId", args.holdIds))
    .compile(),
);

/** Returns when the owner's next hold expires, or null if it has no open hold. */
export async function firstExpiryOf(tx: Tx, owner: OwnerKey): Promise<number | null> {
  const [row] = await selectFirstExpiry(tx, owner);
  return row?.expiresAtMs ?? null;
}

const selectFirstExpiry = prepared((db, { workspaceId, ownerId }: OwnerKey) =>
  db
    .selectFrom("holdParts")
    .select("expiresAtMs")
    .where("workspaceId", "=", workspaceId)
    .where("ownerId", "=", ownerId)
    .orderBy("expiresAtMs")
    .limit(1)
    .compile(),
);

/** how long a hold is stored after its expiry and its end: a day, in milliseconds */
const keptMs = 86_400_000;

/**
 * Deletes at most `limit` holds whose expiry and end were more than a day ago, in all workspaces. Returns how many it
 * deleted.
 */
export async function deleteOldHolds(tx: Tx, nowMs: number, limit: number): Promise<number> {
  return (await deleteOld(tx, { beforeMs: nowMs - keptMs, limit })).length;
}

const deleteOld = prepared((db, { beforeMs, limit }: { beforeMs: number; limit: number }) =>
  db
    .deleteFrom("holds")
    .where(
      "id",
      "in",
      db
        .selectFrom("holds")
        .select("id")
        .where("expiresAtMs", "<=", beforeMs)
        .where((eb) => eb.or([eb("endedAtMs", "is", null), eb("endedAtMs", "<=", beforeMs)]))
        .orderBy("expiresAtMs")
        .limit(limit),
    )
    .returning("id")
    .compile(),
);

/**
 * Deletes the holds of a deleted identity, so that they can no longer be settled. The transaction must have locked the
 * identity's account.
 */
export async function deleteHoldsOfIdentity(tx: Tx, workspaceId: string, identityId: string): Promise<void> {
  const owner = { workspaceId, ownerId: identityId };
  await Promise.all([deleteOfIdentity(tx, owner), deletePartsOf(tx, owner)]);
}

/** Deletes an owner's parts of all holds. Call it when the owner's account is deleted. */
export async function deleteHoldParts(tx: Tx, owner: OwnerKey): Promise<void> {
  await deletePartsOf(tx, owner);
}

const deleteOfIdentity = prepared((db, { workspaceId, ownerId }: OwnerKey) =>
  db.deleteFrom("holds").where("workspaceId", "=", workspaceId).where("identityId", "=", ownerId).compile(),
);
const deletePartsOf = prepared((db, { workspaceId, ownerId }: OwnerKey) =>
  db.deleteFrom("holdParts").where("workspaceId", "=", workspaceId).where("ownerId", "=", ownerId).compile(),
);
