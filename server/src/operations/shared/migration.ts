import { parseSha256 } from "../../domain/foreignKeys.ts";
import { nextTurn } from "../../domain/nextTurn.ts";
import { invalid } from "../../errors/failure.ts";
import type { RunContext, TransactContext } from "../../operation.ts";
import { claimIdentities } from "../../storage/queries/identities.ts";
import { type Algorithm, findMigratedKeys } from "../../storage/queries/keys/migrations.ts";
import { insertKeys, linkKeysToIdentities, type NewKey } from "../../storage/queries/keys/write.ts";
import { completeNewKeys, type NewKeyInput, type ParsedKey, parseNewKey } from "./newKeys.ts";

/** Where keys are migrated to, and where they come from. */
export type Target = { apiId: string; algorithm: Algorithm; migrationId: string };

/** A key to migrate, after all validation that needs no database. */
type PreparedKey = {
  /** the hash of the key, in the form in which the database stores it */
  hash: string;
  /** a hash of the migration, the api and all fields of the item; it identifies an item that is sent again */
  migratedFrom: string;
  externalId: string | undefined;
  parsed: ParsedKey;
};

export const notSha256 = { message: "is not a SHA-256", fix: "send 32 bytes in hex, base64 or base64url" };

/** A migrated key is stored with this number of random bytes, because the true number is unknown. */
const assumedByteLength = 16;

/** so few that other writes do not wait noticeably for the transaction of one part */
const rowsPerPart = 500;
const keysPerTurn = 100;

/**
 * Validates all items before any key is stored. Returns the keys to store: of several items with the same hash, only
 * the first. After every `keysPerTurn` items, other requests get a turn.
 * Errors: `invalid_input` for the first key that is invalid.
 */
export async function prepareKeys(
  items: readonly (NewKeyInput & { hash: string })[],
  context: RunContext,
  target: Target,
): Promise<PreparedKey[]> {
  const byHash = new Map<string, PreparedKey>();
  for (const [index, item] of items.entries()) {
    if (index % keysPerTurn === keysPerTurn - 1) await nextTurn();
    const location = `body.keys[${index}]`;
    const hash = parseSha256(item.hash);
    if (hash === undefined) throw invalid(`${location}.hash`, notSha256.message, notSha256.fix);
    const parsed = parseNewKey(item, context, location);
    const source = [target.migrationId, target.apiId, { ...item, hash }];
    const migratedFrom = context.hashKey(JSON.stringify(source));
    if (!byHash.has(hash)) byHash.set(hash, { hash, migratedFrom, externalId: item.externalId, parsed });
  }
  return [...byHash.values()];
}

/**
 * Splits the keys into parts of at most `rowsPerPart` database rows. A key that alone needs more is a part of its own.
 */
export function* inParts(keys: readonly PreparedKey[]): Generator<PreparedKey[]> {
  let part: PreparedKey[] = [];
  let rows = 0;
  for (const key of keys) {
    const { roles, permissions, ratelimits } = key.parsed;
    const more = 2 * (2 + roles.length + permissions.length + ratelimits.length);
    if (part.length > 0 && rows + more > rowsPerPart) {
      yield part;
      part = [];
      rows = 0;
    }
    part.push(key);
    rows += more;
  }
  yield part;
}

/**
 * Creates the keys with their roles, permissions, credits and limits, in a few statements. Returns their ids by hash.
 * A key whose hash is already stored stays unchanged. Its id is returned only if an equal item created it.
 * Errors: `role_not_found`.
 */
export async function migratePart(
  context: TransactContext,
  target: Target,
  part: readonly PreparedKey[],
): Promise<Map<string, string>> {
  const { caller, tx, newId } = context;
  const planned = part.map((key) => ({ id: newId("key"), ...key }));
  const rows = planned.map((key) => newKey(context, target, key));
  const inserted = new Set(await insertKeys(tx, rows));
  const created = planned.filter(({ id }) => inserted.has(id));
  const others = planned.filter(({ id }) => !inserted.has(id));
  await giveIdentities(context, created);
  await completeNewKeys(context, created);
  const digests = others.map(({ migratedFrom }) => migratedFrom);
  const earlier = await findMigratedKeys(tx, caller.workspaceId, digests);
  const ids = new Map(created.map(({ hash, id }) => [hash, id]));
  for (const { hash, migratedFrom } of others) {
    const id = earlier.get(migratedFrom);
    if (id !== undefined) ids.set(hash, id);
  }
  return ids;
}

function newKey(
  { caller, now }: TransactContext,
  { apiId, algorithm, migrationId }: Target,
  { id, hash, migratedFrom, parsed }: PreparedKey & { id: string },
): NewKey {
  return {
    id,
    workspaceId: caller.workspaceId,
    apiId,
    identityId: undefined, // set after the insert, so that a key that already exists creates no identity
    subjectId: id,
    hash,
    sealed: undefined,
    start: "",
    prefix: undefined,
    byteLength: assumedByteLength,
    ...parsed.columns,
    // keys with the SHA-256 of the whole key are found like our own keys, so they need no first verification
    pendingMigrationId: algorithm === "sha256" ? undefined : migrationId,
    migratedFrom,
    nowMs: now(),
  };
}

async function giveIdentities(
  { caller, tx, audit, newId, now }: TransactContext,
  keys: readonly (PreparedKey & { id: string })[],
): Promise<void> {
  const externalIds = keys.flatMap(({ externalId }) => (externalId === undefined ? [] : [externalId]));
  const { ids, createdIds } = await claimIdentities(tx, caller.workspaceId, externalIds, {
    newId: () => newId("id"),
    nowMs: now(),
  });
  for (const id of createdIds) audit("identity.create", id);
  const links = keys.flatMap(({ id: keyId, externalId = "" }) => {
    const identityId = ids.get(externalId);
    return identityId === undefined ? [] : [{ keyId, identityId }];
  });
  await linkKeysToIdentities(tx, caller.workspaceId, links);
}
