import { isIn, prepared } from "../../prepared.ts";
import type { Db, Tx } from "../../schema.ts";
import { isHashFree } from "./freeHash.ts";

/** The `pendingMigrationId` of waiting keys: keys that were imported without a hash. No migration has this id. */
export const fromUpstream = "upstream";

/**
 * Returns what is stored as the hash of a waiting key. It is never equal to a real
 * hash, since base64url has no colon.
 */
export function unknownHash(keyId: string): string {
  return `${fromUpstream}:${keyId}`;
}

/** A waiting key. `start` has the first characters of the key; it may be empty. */
export type WaitingKey = {
  id: string;
  apiId: string;
  subjectId: string;
  identityId: string | null;
  start: string;
};

const longestStart = 64;

/**
 * Finds a waiting key that may be this key, since the key begins with its `start`. If there
 * are several, returns one of them.
 */
export async function findWaitingStart(
  db: Db,
  workspaceId: string,
  key: string,
): Promise<WaitingKey | undefined> {
  const starts = Array.from({ length: Math.min(key.length, longestStart) }, (_, index) =>
    key.slice(0, index + 1),
  );
  return (await selectByStart(db, { workspaceId, starts }))[0];
}

/** Finds the waiting key with this id. */
export async function findWaitingKey(
  db: Db,
  workspaceId: string,
  id: string,
): Promise<WaitingKey | undefined> {
  return (await selectById(db, { workspaceId, id }))[0];
}

function waitingKeys(db: Db, workspaceId: string) {
  return db
    .selectFrom("keys")
    .innerJoin("apis", "apis.id", "keys.apiId")
    .select(["keys.id", "keys.apiId", "keys.subjectId", "keys.identityId", "keys.start"])
    .where("keys.workspaceId", "=", workspaceId)
    .where("apis.workspaceId", "=", workspaceId)
    .where("keys.pendingMigrationId", "=", fromUpstream)
    .where("keys.deletedAtMs", "is", null)
    .where("apis.deletedAtMs", "is", null);
}

const selectByStart = prepared(
  (db, { workspaceId, starts }: { workspaceId: string; starts: readonly string[] }) =>
    waitingKeys(db, workspaceId).where(isIn("keys.start", starts)).limit(1).compile(),
);

const selectById = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  waitingKeys(db, workspaceId).where("keys.id", "=", id).compile(),
);

/**
 * Stores the hash of a waiting key. From then on, the key is found by this hash. If that was done before, or another
 * key of the workspace has this hash, changes nothing and returns false.
 */
export async function applyLearnedHash(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  { hash, nowMs }: { hash: string; nowMs: number },
): Promise<boolean> {
  return (await setLearned(tx, { workspaceId, keyId, hash, nowMs })).length > 0;
}

type Learned = { workspaceId: string; keyId: string; hash: string; nowMs: number };

const setLearned = prepared((db, { workspaceId, keyId, hash, nowMs }: Learned) =>
  db
    .updateTable("keys")
    .set({ hash, pendingMigrationId: null, learnedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", keyId)
    .where("pendingMigrationId", "=", fromUpstream)
    .where((eb) => isHashFree(eb, workspaceId, hash))
    .returning("id")
    .compile(),
);

/**
 * A key that was imported without its hash, as `latchkey import status` shows it.
 * `learnedAtMs` is null while it waits.
 */
export type ImportedKey = {
  id: string;
  apiId: string;
  start: string;
  name: string | null;
  externalId: string | null;
  learnedAtMs: number | null;
};

/**
 * Counts the keys that were imported without a hash: `learned` have a hash now, `waiting` still wait, and
 * `withoutStart` of these have an empty `start`.
 */
export async function countImportedKeys(
  db: Db,
  workspaceId: string,
): Promise<{ learned: number; waiting: number; withoutStart: number }> {
  const [learned = { count: 0 }] = await countKeys(db, { workspaceId, waits: false, start: undefined });
  const [waiting = { count: 0 }] = await countKeys(db, { workspaceId, waits: true, start: undefined });
  const [withoutStart = { count: 0 }] = await countKeys(db, { workspaceId, waits: true, start: "" });
  return { learned: learned.count, waiting: waiting.count, withoutStart: withoutStart.count };
}

type Counted = { workspaceId: string; waits: boolean; start: string | undefined };

const countKeys = prepared((db, { workspaceId, waits, start }: Counted) => {
  let query = db
    .selectFrom("keys")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("workspaceId", "=", workspaceId)
    .where("deletedAtMs", "is", null);
  query = waits
    ? query.where("pendingMigrationId", "=", fromUpstream)
    : query.where("learnedAtMs", "is not", null);
  if (start !== undefined) query = query.where("start", "=", start);
  return query.compile();
});

/** Lists the keys that were imported without a hash, in the order of their ids. */
export async function listImportedKeys(
  db: Db,
  workspaceId: string,
  page: { afterId: string; limit: number },
): Promise<ImportedKey[]> {
  return selectImported(db, { workspaceId, ...page });
}

const selectImported = prepared(
  (db, { workspaceId, afterId, limit }: { workspaceId: string; afterId: string; limit: number }) =>
    db
      .selectFrom("keys")
      .leftJoin("identities", (join) =>
        join
          .onRef("identities.id", "=", "keys.identityId")
          .onRef("identities.workspaceId", "=", "keys.workspaceId"),
      )
      .select(["keys.id", "keys.apiId", "keys.start", "keys.name", "keys.learnedAtMs"])
      .select("identities.externalId")
      .where("keys.workspaceId", "=", workspaceId)
      .where("keys.id", ">", afterId)
      .where("keys.deletedAtMs", "is", null)
      .where((eb) =>
        eb.or([eb("keys.learnedAtMs", "is not", null), eb("keys.pendingMigrationId", "=", fromUpstream)]),
      )
      .orderBy("keys.id")
      .limit(limit)
      .compile(),
);
