import type { RatelimitDiff } from "../../domain/ratelimits.ts";
import type { StoredRatelimit } from "../../domain/verification.ts";
import { prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";

/** The limits of several owners (keys or identities), each owner's in the order in which they were given. */
export async function listRatelimits(
  db: Db,
  workspaceId: string,
  ownerIds: readonly string[],
): Promise<Map<string, StoredRatelimit[]>> {
  const byOwner = new Map<string, StoredRatelimit[]>();
  if (ownerIds.length === 0) return byOwner;
  const rows = await selectOfOwners(db, { workspaceId, ownerIds });
  for (const { ownerId, autoApply, ...rest } of rows) {
    const limits = byOwner.get(ownerId) ?? [];
    limits.push({ ...rest, autoApply: autoApply === 1 });
    byOwner.set(ownerId, limits);
  }
  return byOwner;
}

const selectOfOwners = prepared((db, args: { workspaceId: string; ownerIds: readonly string[] }) =>
  db
    .selectFrom("ratelimits")
    .select(["id", "ownerId", "name", "limit", "durationMs", "autoApply"])
    .where("workspaceId", "=", args.workspaceId)
    .where("ownerId", "in", args.ownerIds)
    .orderBy("ownerId")
    .orderBy("position")
    .compile(),
);

/** Brings the owner's stored limits to what the diff says; a limit that stays keeps its id. */
export async function applyRatelimitDiff(
  tx: Tx,
  workspaceId: string,
  ownerId: string,
  diff: RatelimitDiff,
  newId: () => string,
): Promise<StoredRatelimit[]> {
  const all = diff.set.map(({ given, existing }) => ({ ...given, id: existing?.id ?? newId() }));
  if (diff.removed.length > 0) {
    await tx
      .deleteFrom("ratelimits")
      .where("workspaceId", "=", workspaceId)
      .where("ownerId", "=", ownerId)
      .where(
        "id",
        "in",
        diff.removed.map((limit) => limit.id),
      )
      .execute();
  }
  if (all.length > 0) await setRatelimits(tx, workspaceId, ownerId, all);
  return all;
}

async function setRatelimits(
  tx: Tx,
  workspaceId: string,
  ownerId: string,
  limits: readonly StoredRatelimit[],
) {
  const rows = limits.map((limit, position) => ({
    id: limit.id,
    workspaceId,
    ownerId,
    position,
    name: limit.name,
    limit: limit.limit,
    durationMs: limit.durationMs,
    autoApply: limit.autoApply ? (1 as const) : (0 as const),
  }));
  await upsertLimits(tx, { workspaceId, rows });
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

/** Removes every limit of the owner and answers their ids. */
export async function deleteRatelimits(tx: Tx, workspaceId: string, ownerId: string): Promise<string[]> {
  const rows = await tx
    .deleteFrom("ratelimits")
    .where("workspaceId", "=", workspaceId)
    .where("ownerId", "=", ownerId)
    .returning("id")
    .execute();
  return rows.map((row) => row.id);
}
