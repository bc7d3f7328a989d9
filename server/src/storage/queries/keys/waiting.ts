import { type ExpressionBuilder, sql } from "kysely";
import { longestStart, type OldScheme, schemeOf } from "../../../domain/oldHashes.ts";
import { isIn, prepared } from "../../prepared.ts";
import type { Db, Schema, Tx } from "../../schema.ts";
import { isHashFree } from "./freeHash.ts";

/** The `pendingMigrationId` of waiting keys that were imported without a hash. No migration has this id. */
export const fromUpstream = "upstream";

/**
 * The `pendingMigrationId` of waiting keys that were imported with another hash than SHA-256. No migration has this id.
 */
export const underOldHash = "oldHash";

/** The values of `pendingMigrationId` that are not the id of a migration. */
export const waitingStates: ReadonlySet<string> = new Set([fromUpstream, underOldHash]);

/**
 * Returns the value of the column `hash` for a key that was imported without a hash. The value has a colon, so it never
 * equals a real hash, which is in base64url.
 */
export function unknownHash(keyId: string): string {
  return `${fromUpstream}:${keyId}`;
}

/**
 * A key whose SHA-256 is not known yet. `start` has the first characters of the key, and may be empty. `hash` is the
 * value that is stored in place of the SHA-256.
 */
export type WaitingKey = {
  id: string;
  apiId: string;
  subjectId: string;
  identityId: string | null;
  start: string;
  hash: string;
};

/**
 * Finds a key that was imported without a hash and may be the presented key `key`, because its `start` is the beginning
 * of `key`. If there are several such keys, returns one of them.
 */
export async function findWaitingStart(
  db: Db,
  workspaceId: string,
  key: string,
): Promise<WaitingKey | undefined> {
  return (await selectByStart(db, { workspaceId, starts: startsOf(key) }))[0];
}

function startsOf(key: string): string[] {
  return Array.from({ length: Math.min(key.length, longestStart) }, (_, index) => key.slice(0, index + 1));
}

/** Finds the key with this id if it was imported without a hash and still waits. */
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
    .select(["keys.id", "keys.apiId", "keys.subjectId", "keys.identityId", "keys.start", "keys.hash"])
    .where("keys.workspaceId", "=", workspaceId)
    .where("apis.workspaceId", "=", workspaceId)
    .where("keys.deletedAtMs", "is", null)
    .where("apis.deletedAtMs", "is", null);
}

const selectByStart = prepared(
  (db, { workspaceId, starts }: { workspaceId: string; starts: readonly string[] }) =>
    waitingKeys(db, workspaceId)
      .where("keys.pendingMigrationId", "=", fromUpstream)
      .where(isIn("keys.start", starts))
      .limit(1)
      .compile(),
);

const selectById = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  waitingKeys(db, workspaceId)
    .where("keys.pendingMigrationId", "=", fromUpstream)
    .where("keys.id", "=", id)
    .compile(),
);

/** Returns whether the workspace has keys, live or deleted, whose stored hash is not a SHA-256, such as bcrypt. */
export async function hasOldHashes(db: Db, workspaceId: string): Promise<boolean> {
  return (await selectOne(db, { workspaceId })).length > 0;
}

/**
 * This condition has a literal instead of a parameter: the database uses a partial index only for the same condition.
 */
function isUnderOldHash(eb: ExpressionBuilder<Schema, "keys">) {
  return eb("keys.pendingMigrationId", "=", sql.lit(underOldHash));
}

const selectOne = prepared((db, { workspaceId }: { workspaceId: string }) =>
  db
    .selectFrom("keys")
    .select("keys.id")
    .where("keys.workspaceId", "=", workspaceId)
    .where(isUnderOldHash)
    .limit(1)
    .compile(),
);

/** Finds a live key whose stored hash is one of these digests, which are not SHA-256. */
export async function findByDigest(
  db: Db,
  workspaceId: string,
  digests: readonly string[],
): Promise<WaitingKey | undefined> {
  return (await selectByDigest(db, { workspaceId, digests }))[0];
}

const selectByDigest = prepared(
  (db, { workspaceId, digests }: { workspaceId: string; digests: readonly string[] }) =>
    waitingKeys(db, workspaceId)
      .where("keys.pendingMigrationId", "=", underOldHash)
      .where(isIn("keys.hash", digests))
      .limit(1)
      .compile(),
);

/**
 * Lists the live keys that have a salted hash and whose `start` is the beginning of the presented key. Keys with a
 * longer `start` come first. Imports limit how many keys may have the same `start`.
 */
export async function listCandidates(db: Db, workspaceId: string, key: string): Promise<WaitingKey[]> {
  return selectCandidates(db, { workspaceId, starts: startsOf(key) });
}

/** Exactly the condition of the partial index of salted hashes, so that the database uses this index. */
function hasSalt(eb: ExpressionBuilder<Schema, "keys">) {
  return eb(beginning(eb, 1), "=", sql.lit("$"));
}

function beginning({ fn }: ExpressionBuilder<Schema, "keys">, length: number) {
  return fn<string>("substr", ["keys.hash", sql.lit(1), sql.lit(length)]);
}

/** Sorts by `start`, descending, so that a longer `start` comes before a shorter beginning of the same key. */
const selectCandidates = prepared(
  (db, { workspaceId, starts }: { workspaceId: string; starts: readonly string[] }) =>
    waitingKeys(db, workspaceId)
      .where(isUnderOldHash)
      .where(isIn("keys.start", starts))
      .where(hasSalt)
      .orderBy("keys.start", "desc")
      .orderBy("keys.id")
      .compile(),
);

/** Lists the keys that have a salted hash and one of these values of `start`. Omits deleted keys. */
export async function listSalted(
  db: Db,
  workspaceId: string,
  starts: readonly string[],
): Promise<Pick<WaitingKey, "id" | "start" | "hash">[]> {
  return selectSalted(db, { workspaceId, starts });
}

const selectSalted = prepared(
  (db, { workspaceId, starts }: { workspaceId: string; starts: readonly string[] }) =>
    db
      .selectFrom("keys")
      .select(["keys.id", "keys.start", "keys.hash"])
      .where("workspaceId", "=", workspaceId)
      .where(isUnderOldHash)
      .where(isIn("keys.start", starts))
      .where(hasSalt)
      .where("deletedAtMs", "is", null)
      .compile(),
);

/**
 * Stores the SHA-256 of a waiting key. Later verifications find the key by this hash. Changes nothing and returns false
 * if the key no longer waits, or if another key of the workspace has this hash.
 */
export async function applyLearnedHash(
  tx: Tx,
  workspaceId: string,
  waiting: WaitingKey,
  { hash, nowMs }: { hash: string; nowMs: number },
): Promise<boolean> {
  const { id: keyId, hash: oldHash } = waiting;
  return (await setLearned(tx, { workspaceId, keyId, oldHash, hash, nowMs })).length > 0;
}

type Learned = { workspaceId: string; keyId: string; oldHash: string; hash: string; nowMs: number };

const setLearned = prepared((db, { workspaceId, keyId, oldHash, hash, nowMs }: Learned) =>
  db
    .updateTable("keys")
    .set({ hash, pendingMigrationId: null, learnedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", keyId)
    .where("hash", "=", oldHash)
    .where("pendingMigrationId", "in", [fromUpstream, underOldHash])
    .where("deletedAtMs", "is", null)
    .where((eb) => isHashFree(eb, workspaceId, hash))
    .returning("id")
    .compile(),
);

/**
 * A key that was imported without its SHA-256, as `latchkey import status` shows it. `learnedAtMs` is the time when
 * this server learned the SHA-256, or null while the key waits.
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
 * Counts the keys that were imported without a SHA-256. `learned`: keys whose SHA-256 is known now. `waiting`: keys
 * that were imported without any hash and still wait. `withoutStart`: those keys in `waiting` whose `start` is empty.
 * `underOldHash`: keys that were imported with another hash and still wait, by the hash's scheme, such as bcrypt.
 */
export async function countImportedKeys(
  db: Db,
  workspaceId: string,
): Promise<{
  learned: number;
  waiting: number;
  withoutStart: number;
  underOldHash: Partial<Record<OldScheme, number>>;
}> {
  const [learned = { count: 0 }] = await countKeys(db, { workspaceId, waits: false, start: undefined });
  const [waiting = { count: 0 }] = await countKeys(db, { workspaceId, waits: true, start: undefined });
  const [withoutStart = { count: 0 }] = await countKeys(db, { workspaceId, waits: true, start: "" });
  const underOld: Partial<Record<OldScheme, number>> = {};
  for (const { beginning, count } of await countByBeginning(db, { workspaceId })) {
    const scheme = schemeOf(beginning);
    if (scheme !== undefined) underOld[scheme] = (underOld[scheme] ?? 0) + count;
  }
  return {
    learned: learned.count,
    waiting: waiting.count,
    withoutStart: withoutStart.count,
    underOldHash: underOld,
  };
}

/**
 * Counts keys by the beginning of their hash, which names the hash's scheme. The beginning has as many characters as
 * the longest name of a scheme.
 */
const countByBeginning = prepared((db, { workspaceId }: { workspaceId: string }) => {
  const scheme = (eb: ExpressionBuilder<Schema, "keys">) => {
    const isBcrypt = eb(beginning(eb, 2), "=", sql.lit("$2"));
    return eb.case().when(isBcrypt).then(sql.lit("$2")).else(beginning(eb, "hmac-sha256:".length)).end();
  };
  return db
    .selectFrom("keys")
    .select((eb) => [scheme(eb).as("beginning"), eb.fn.countAll<number>().as("count")])
    .where("workspaceId", "=", workspaceId)
    .where(isUnderOldHash)
    .where("deletedAtMs", "is", null)
    .groupBy(scheme)
    .compile();
});

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

/** Lists the keys that were imported without a SHA-256, in the order of their ids. */
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
        eb.or([
          eb("keys.learnedAtMs", "is not", null),
          eb("keys.pendingMigrationId", "in", [fromUpstream, underOldHash]),
        ]),
      )
      .orderBy("keys.id")
      .limit(limit)
      .compile(),
);
