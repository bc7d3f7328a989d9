import type { Db, Tx } from "../schema.ts";

/** How the keys of a migration were hashed where they come from. */
export const algorithms = ["sha256", "github.com/seamapi/prefixed-api-key"] as const;

export type Algorithm = (typeof algorithms)[number];

export async function insertMigration(
  tx: Tx,
  migration: { id: string; workspaceId: string; algorithm: Algorithm; nowMs: number },
): Promise<void> {
  const { id, workspaceId, algorithm, nowMs } = migration;
  await tx.insertInto("keyMigrations").values({ id, workspaceId, algorithm, createdAtMs: nowMs }).execute();
}

/** How the keys of this migration were hashed; undefined where there is no such migration. */
export async function findAlgorithm(db: Db, workspaceId: string, id: string): Promise<Algorithm | undefined> {
  const row = await db
    .selectFrom("keyMigrations")
    .select("algorithm")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .executeTakeFirst();
  return algorithms.find((algorithm) => algorithm === row?.algorithm);
}

/** The key that waits for its first verification under this migration: id and api. */
export async function findPendingKey(
  db: Db,
  workspaceId: string,
  migrationId: string,
  hash: string,
): Promise<{ id: string; apiId: string } | undefined> {
  return db
    .selectFrom("keys")
    .select(["id", "apiId"])
    .where("workspaceId", "=", workspaceId)
    .where("hash", "=", hash)
    .where("pendingMigrationId", "=", migrationId)
    .where("deletedAtMs", "is", null)
    .executeTakeFirst();
}

/**
 * From now on the key goes by the hash of its whole text; once, whoever comes first, and not where the workspace has
 * that hash already. Whether it was so.
 */
export async function applyFirstVerification(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  own: { hash: string; start: string; prefix: string },
): Promise<boolean> {
  const row = await tx
    .updateTable("keys")
    .set({ ...own, pendingMigrationId: null })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", keyId)
    .where("pendingMigrationId", "is not", null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("keys as taken")
            .select("taken.id")
            .where("taken.workspaceId", "=", workspaceId)
            .where("taken.hash", "=", own.hash),
        ),
      ),
    )
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}
