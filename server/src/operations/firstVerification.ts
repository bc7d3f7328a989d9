import { may } from "../domain/caller.ts";
import { parsePrefixedKey } from "../domain/foreignKeys.ts";
import type { KeyRecord } from "../domain/verification.ts";
import { Failure } from "../errors.ts";
import type { RunContext } from "../operation.ts";
import { workspaceKey } from "../storage/cache.ts";
import { applyFirstVerification, findAlgorithm, findPendingKey } from "../storage/queries/keyMigrations.ts";

/**
 * Finds a key that was brought over and not verified yet; from then on it goes by the hash of its whole text.
 * undefined: there is none that the caller may verify.
 * Errors: `key_malformed` where the key has not the shape that the migration's algorithm needs.
 */
export async function findMigratedKey(
  context: RunContext,
  key: string,
  migrationId: string,
): Promise<KeyRecord | undefined> {
  const { caller, db, hashKey, keyCache } = context;
  const { workspaceId } = caller;
  const algorithm = await findAlgorithm(db, workspaceId, migrationId);
  if (algorithm !== "github.com/seamapi/prefixed-api-key") return undefined;
  const parsed = parsePrefixedKey(key);
  if (parsed === undefined) {
    throw new Failure("key_malformed", {
      detail:
        "body.key: the migration's keys have the form <prefix>_<short token>_<long token>, and this one has not.",
      flaws: [{ location: "body.key", message: "has fewer than three parts", fix: "send the whole key" }],
    });
  }
  const pending = await findPendingKey(db, workspaceId, migrationId, hashKey(parsed.longToken));
  const hash = hashKey(key);
  const whole = workspaceKey(workspaceId, hash);
  if (pending === undefined) return keyCache.find(whole); // another call may have been the first
  if (!may(caller, "api", pending.apiId, "verify_key")) return undefined;
  const { prefix, start } = parsed;
  await context.inTransaction(async ({ tx, audit, evict }) => {
    if (!(await applyFirstVerification(tx, workspaceId, pending.id, { hash, start, prefix }))) return;
    audit("key.update", pending.id, ["hash", "start"]);
    evict(pending.id);
  });
  return keyCache.find(whole);
}
