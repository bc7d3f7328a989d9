import { may } from "../../domain/caller.ts";
import { type PrefixedKey, parsePrefixedKey } from "../../domain/foreignKeys.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Failure } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import {
  applyFirstVerification,
  findAlgorithm,
  findPendingKey,
} from "../../storage/queries/keys/migrations.ts";

/**
 * Finds a migrated key at its first verification, and stores the hash of the whole key. Later verifications find the
 * key by this hash. Returns `undefined` if there is no such key, or if the caller may not verify it.
 * Errors: `key_malformed` if the key does not have the form that the migration's algorithm needs.
 */
export async function findMigratedKey(
  context: RunContext,
  key: string,
  migrationId: string,
): Promise<KeyRecord | undefined> {
  const { caller, db, hashKey, caches } = context;
  const { workspaceId } = caller;
  const parsed = await parseMigratedKey(context, key, migrationId);
  if (parsed === undefined) return undefined;
  const { prefix, start, longToken } = parsed;
  const pending = await findPendingKey(db, workspaceId, migrationId, hashKey(longToken));
  const hash = hashKey(key);
  if (pending === undefined) return caches.keys.find(workspaceId, hash); // another request may have stored the hash
  if (!may(caller, "api", pending.apiId, "verify_key")) return undefined;
  await context.inTransaction(async ({ tx, audit, evict }) => {
    if (!(await applyFirstVerification(tx, workspaceId, pending.id, { hash, start, prefix }))) return;
    audit("key.update", pending.id, ["hash", "start"]);
    evict(pending.id);
  });
  return caches.keys.find(workspaceId, hash);
}

/**
 * Splits a key of this migration into prefix, short token and long token. Returns `undefined` if the migration does not
 * exist, or if its algorithm does not split keys.
 * Errors: `key_malformed` if the key does not have these parts.
 */
export async function parseMigratedKey(
  { caller, db }: RunContext,
  key: string,
  migrationId: string,
): Promise<PrefixedKey | undefined> {
  const algorithm = await findAlgorithm(db, caller.workspaceId, migrationId);
  if (algorithm !== "github.com/seamapi/prefixed-api-key") return undefined;
  const parsed = parsePrefixedKey(key);
  if (parsed !== undefined) return parsed;
  throw new Failure("key_malformed", {
    detail: "body.key does not have the form of this migration's keys: <prefix>_<short token>_<long token>.",
    flaws: [{ location: "body.key", message: "has fewer than three parts", fix: "send the whole key" }],
  });
}
