import type { RatelimitDiff, StoredRatelimit } from "../../domain/ratelimits.ts";
import { inBatches } from "../batches.ts";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";

/** Lists the rate limits of a key or an identity, in the order in which they were set. */
export async function listOwnRatelimits(
  db: Db,
  workspaceId: string,
  ownerId: string,
): Promise<StoredRatelimit[]> {
  return inOrder(await selectOfOwner(db, { workspaceId, ownerId })).map(limitOf);
}

/**
 * Lists the rate limits of several keys or identities, by the id of the owner. The limits of an owner are in the order
 * in which they were set.
 */
export async function listRatelimits(
  db: Db,
  workspaceId: string,
  ownerIds: readonly string[],
): Promise<Map<string, StoredRatelimit[]>> {
  return ownerIds.length === 0 ? new Map() : byOwner(await selectOfOwners(db, { workspaceId, ownerIds }));
}

/**
 * Like `listRatelimits`, but reads a range of owners: from the first to the last of these ids, which must be in
 * ascending order. So it may also read and return limits of other owners in this range. Use it if there are few such
 * limits. Reading a range takes half the time of a look-up for each owner: 37 µs instead of 78 µs for 100 owners with a
 * limit each.
 */
export async function listRatelimitsBetween(
  db: Db,
  workspaceId: string,
  ownerIds: readonly string[],
): Promise<Map<string, StoredRatelimit[]>> {
  const [firstId] = ownerIds;
  const lastId = ownerIds.at(-1);
  if (firstId === undefined || lastId === undefined) return new Map();
  return byOwner(await selectBetween(db, { workspaceId, firstId, lastId }));
}

/** Groups the limits by the id of their owner, and sorts the limits of each owner by their position. */
function byOwner(rows: readonly Omit<LimitRow, "workspaceId">[]): Map<string, StoredRatelimit[]> {
  const limitsOf = new Map<string, StoredRatelimit[]>();
  for (const row of inOrder(rows)) {
    const limits = limitsOf.get(row.ownerId);
    if (limits === undefined) limitsOf.set(row.ownerId, [limitOf(row)]);
    else limits.push(limitOf(row));
  }
  return limitsOf;
}

/**
 * Sorts the limits by their position. SQLite could sort them, but would take 25 µs for two rows, three times as long as
 * it takes to find these rows.
 */
function inOrder<R extends Pick<LimitRow, "position">>(rows: readonly R[]): R[] {
  return rows.toSorted((one, other) => one.position - other.position);
}

function limitOf({ id, name, limit, durationMs, autoApply }: Omit<LimitRow, "workspaceId" | "position">) {
  return { id, name, limit, durationMs, autoApply: autoApply === 1 };
}

const limitColumns = ["id", "ownerId", "position", "name", "limit", "durationMs", "autoApply"] as const;

const selectOfOwner = prepared((db, { workspaceId, ownerId }: { workspaceId: string; ownerId: string }) =>
  db
    .selectFrom("ratelimits")
    .select(limitColumns)
    .where("workspaceId", "=", workspaceId)
    .where("ownerId", "=", ownerId)
    .compile(),
);

type Owners = { workspaceId: string; ownerIds: readonly string[] };

const selectOfOwners = prepared((db, { workspaceId, ownerIds }: Owners) =>
  db
    .selectFrom("ratelimits")
    .select(limitColumns)
    .where("workspaceId", "=", workspaceId)
    .where(isIn("ownerId", ownerIds))
    .compile(),
);

type Between = { workspaceId: string; firstId: string; lastId: string };

const selectBetween = prepared((db, { workspaceId, firstId, lastId }: Between) =>
  db
    .selectFrom("ratelimits")
    .select(limitColumns)
    .where("workspaceId", "=", workspaceId)
    .where("ownerId", ">=", firstId)
    .where("ownerId", "<=", lastId)
    .compile(),
);

/**
 * Applies a diff to the stored limits of an owner, and returns the new limits. A stored limit that the diff does not
 * remove keeps its id.
 */
export async function applyRatelimitDiff(
  tx: Tx,
  workspaceId: string,
  ownerId: string,
  diff: RatelimitDiff,
  newId: () => string,
): Promise<StoredRatelimit[]> {
  const all = diff.set.map(({ requested, existing }) => ({ ...requested, id: existing?.id ?? newId() }));
  const ids = diff.removed.map((limit) => limit.id);
  if (ids.length > 0) await deleteSome(tx, { workspaceId, ownerId, ids });
  await setRatelimits(tx, workspaceId, [{ ownerId, limits: all }]);
  return all;
}

type Some = { workspaceId: string; ownerId: string; ids: readonly string[] };

const deleteSome = prepared((db, { workspaceId, ownerId, ids }: Some) =>
  db
    .deleteFrom("ratelimits")
    .where("workspaceId", "=", workspaceId)
    .where("ownerId", "=", ownerId)
    .where(isIn("id", ids))
    .compile(),
);

/** Inserts or updates the limits of several owners. Each owner's limits keep their order. */
export async function setRatelimits(
  tx: Tx,
  workspaceId: string,
  owners: readonly { ownerId: string; limits: readonly StoredRatelimit[] }[],
): Promise<void> {
  const rows = owners.flatMap(({ ownerId, limits }) =>
    limits.map((limit, position) => ({
      id: limit.id,
      workspaceId,
      ownerId,
      position,
      name: limit.name,
      limit: limit.limit,
      durationMs: limit.durationMs,
      autoApply: limit.autoApply ? (1 as const) : (0 as const),
    })),
  );
  await inBatches(rows, (batch) => upsertLimits(tx, { workspaceId, rows: batch }));
}

type LimitRow = Schema["ratelimits"];

const upsertLimits = prepared(
  (db, { workspaceId, rows }: { workspaceId: string; rows: readonly LimitRow[] }) =>
    db
      .insertInto("ratelimits")
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .column("id")
          .doUpdateSet((eb) => ({
            position: eb.ref("excluded.position"),
            limit: eb.ref("excluded.limit"),
            durationMs: eb.ref("excluded.durationMs"),
            autoApply: eb.ref("excluded.autoApply"),
          }))
          .where("ratelimits.workspaceId", "=", workspaceId),
      )
      .compile(),
);

/**
 * Deletes all limits of the owner, and returns their ids in the order of the limits. Sorts the ids itself, because
 * PostgreSQL returns deleted rows in any order.
 */
export async function deleteRatelimits(tx: Tx, workspaceId: string, ownerId: string): Promise<string[]> {
  const rows = await deleteAll(tx, { workspaceId, ownerId });
  return inOrder(rows).map((row) => row.id);
}

const deleteAll = prepared((db, { workspaceId, ownerId }: { workspaceId: string; ownerId: string }) =>
  db
    .deleteFrom("ratelimits")
    .where("workspaceId", "=", workspaceId)
    .where("ownerId", "=", ownerId)
    .returning(["id", "position"])
    .compile(),
);
