import { inBatches } from "../../batches.ts";
import { isIn, prepared } from "../../prepared.ts";
import type { Db, Tx } from "../../schema.ts";
import { isHashFree } from "./freeHash.ts";

/** The ways in which other systems hash keys that `keys.migrateKeys` accepts. */
export const algorithms = ["sha256", "github.com/seamapi/prefixed-api-key"] as const;

export type Algorithm = (typeof algorithms)[number];

export async function insertMigration(
  tx: Tx,
  migration: { id: string; workspaceId: string; algorithm: Algorithm; nowMs: number },
): Promise<void> {
  const { id, workspaceId, algorithm, nowMs } = migration;
  await insertRow(tx, { id, workspaceId, algorithm, nowMs });
}

type NewMigration = { id: string; workspaceId: string; algorithm: string; nowMs: number };

const insertRow = prepared((db, { id, workspaceId, algorithm, nowMs }: NewMigration) =>
  db.insertInto("keyMigrations").values({ id, workspaceId, algorithm, createdAtMs: nowMs }).compile(),
);

/**
 * Returns the algorithm by which the keys of this migration were hashed, or `undefined` if the migration does not
 * exist.
 */
export async function findAlgorithm(db: Db, workspaceId: string, id: string): Promise<Algorithm | undefined> {
  const [row] = await selectAlgorithm(db, { workspaceId, id });
  return algorithms.find((algorithm) => algorithm === row?.algorithm);
}

const selectAlgorithm = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .selectFrom("keyMigrations")
    .select("algorithm")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/**
 * Finds keys that an earlier request has migrated, by the digests of their fields (`migratedFrom`). Returns the id of
 * each key by its digest. Omits deleted keys.
 */
export async function findMigratedKeys(
  db: Db,
  workspaceId: string,
  digests: readonly string[],
): Promise<Map<string, string>> {
  const rows = await inBatches(digests, (batch) => selectMigrated(db, { workspaceId, digests: batch }));
  return new Map(rows.map(({ id, migratedFrom }) => [migratedFrom ?? "", id]));
}

type Digests = { workspaceId: string; digests: readonly string[] };

const selectMigrated = prepared((db, { workspaceId, digests }: Digests) =>
  db
    .selectFrom("keys")
    .select(["id", "migratedFrom"])
    .where("workspaceId", "=", workspaceId)
    .where(isIn("migratedFrom", digests))
    .where("deletedAtMs", "is", null)
    .compile(),
);

/** Finds the key of this migration with this hash, if the key is not deleted and has not been verified yet. */
export async function findPendingKey(
  db: Db,
  workspaceId: string,
  migrationId: string,
  hash: string,
): Promise<{ id: string; apiId: string } | undefined> {
  return (await selectPending(db, { workspaceId, migrationId, hash }))[0];
}

type Pending = { workspaceId: string; migrationId: string; hash: string };

const selectPending = prepared((db, { workspaceId, migrationId, hash }: Pending) =>
  db
    .selectFrom("keys")
    .select(["id", "apiId"])
    .where("workspaceId", "=", workspaceId)
    .where("hash", "=", hash)
    .where("pendingMigrationId", "=", migrationId)
    .where("deletedAtMs", "is", null)
    .compile(),
);

/**
 * Stores the SHA-256 of a whole migrated key at its first verification. Later verifications find the key by this hash.
 * Changes nothing and returns false if the key was verified before, or if another key of the workspace has this hash.
 */
export async function applyFirstVerification(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  own: { hash: string; start: string; prefix: string },
): Promise<boolean> {
  const { hash, start, prefix } = own;
  return (await setVerified(tx, { workspaceId, keyId, hash, start, prefix })).length > 0;
}

type Verified = { workspaceId: string; keyId: string; hash: string; start: string; prefix: string };

const setVerified = prepared((db, { workspaceId, keyId, hash, start, prefix }: Verified) =>
  db
    .updateTable("keys")
    .set({ hash, start, prefix, pendingMigrationId: null })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", keyId)
    .where("pendingMigrationId", "is not", null)
    .where((eb) => isHashFree(eb, workspaceId, hash))
    .returning("id")
    .compile(),
);
