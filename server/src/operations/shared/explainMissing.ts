import { may, mayAll } from "../../domain/caller.ts";
import { parsePrefixedKey } from "../../domain/foreignKeys.ts";
import { type OldScheme, schemeOf } from "../../domain/oldHashes.ts";
import { isInKeyspaces } from "../../domain/verification.ts";
import type { RunContext } from "../../operation.ts";
import { keyspaceIdOf } from "../../storage/queries/apis.ts";
import { findLastAuditEvent } from "../../storage/queries/audit.ts";
import { findKeyState, type KeyState } from "../../storage/queries/keys/read.ts";
import { fromUpstream, underOldHash } from "../../storage/queries/keys/waiting.ts";
import type { Check } from "./explanation.ts";
import { timeText } from "./explanationWords.ts";
import { findThroughUpstream, upstreamOf } from "./learning.ts";
import { parseMigratedKey } from "./migratedKeys.ts";
import { findByOldHash } from "./oldHashes.ts";

/** How a request names the key to explain: by exactly one of `key`, `keyHash` and `keyId`. */
export type KeyRef = {
  key?: string | undefined;
  keyHash?: string | undefined;
  keyId?: string | undefined;
  /** the id of a migration, which the first verification of a migrated key must send */
  migrationId?: string | undefined;
  /** the keyspaces to which the verification is restricted */
  keyspaces?: readonly string[] | undefined;
};

/**
 * Finds the key that the request names, even if it was deleted or waits for its first verification. Returns `undefined`
 * if there is no such key, or if the caller may not read it.
 * Errors: as for a verification, `key_malformed`, `hashing_busy` and `upstream_unavailable`.
 */
export async function findExplainedKey(context: RunContext, ref: KeyRef): Promise<KeyState | undefined> {
  const found = await findAnyKey(context, ref);
  return found !== undefined && may(context.caller, "api", found.apiId, "read_key") ? found : undefined;
}

async function findAnyKey(context: RunContext, ref: KeyRef): Promise<KeyState | undefined> {
  const { db, caller, hashKey } = context;
  const { key, keyHash, keyId, migrationId } = ref;
  const find = (column: "id" | "hash", value: string) =>
    findKeyState(db, caller.workspaceId, { column, value });
  if (keyId !== undefined) return find("id", keyId);
  const hash = keyHash ?? hashKey(key ?? "");
  let found = await find("hash", hash);
  if (found === undefined && key !== undefined && (await findByOldHash(context, key, "read_key"))) {
    found = await find("hash", hash);
  }
  const upstream = upstreamOf(context);
  if (found === undefined && key !== undefined && upstream !== undefined) {
    await findThroughUpstream(context, upstream, { key, migrationId });
    found = await find("hash", hash);
  }
  if (found?.pendingMigrationId === null) return found;
  if (key === undefined) return undefined;
  if (migrationId !== undefined) await parseMigratedKey(context, key, migrationId);
  // until the first verification of a migrated key, only the hash of the key's last part is stored
  const parts = parsePrefixedKey(key);
  const pending = parts && (await find("hash", hashKey(parts.longToken)));
  return pending?.pendingMigrationId === null ? undefined : pending;
}

/** Explains whether a verification finds the key. To a caller that may not read the key, it does not exist. */
export async function foundCheck(
  context: RunContext,
  state: KeyState | undefined,
  { keyId, migrationId, keyspaces }: KeyRef,
): Promise<Check> {
  const check = "found";
  if (state === undefined) return missingCheck(context, keyId);
  if (state.deletedAtMs !== null) return deletedCheck(context, "key", state.id, state.deletedAtMs);
  if (state.apiDeletedAtMs !== null) return deletedCheck(context, "api", state.apiId, state.apiDeletedAtMs);
  const keyspaceId = keyspaceIdOf({ id: state.apiId, keyspaceId: state.keyspaceId });
  if (keyspaces !== undefined && !isInKeyspaces({ keyspaceId, apiId: state.apiId }, keyspaces)) {
    return {
      check,
      passed: false,
      why: `The key belongs to the keyspace ${keyspaceId}, which \`keyspaces\` does not name.`,
      fix: `Add "${keyspaceId}" to \`keyspaces\`, or omit it.`,
    };
  }
  const { pendingMigrationId } = state;
  if (pendingMigrationId === null) return { check, passed: true, why: "The key exists." };
  if (pendingMigrationId === fromUpstream) {
    return {
      check,
      passed: false,
      why: "The key was imported without its hash, and waits until the upstream server recognizes it.",
      fix: "Set UPSTREAM_VERIFY_MODE to shadow or fallback, and verify the whole key.",
    };
  }
  if (pendingMigrationId === underOldHash) return oldHashCheck(context, schemeOf(state.hash));
  const passed = migrationId === pendingMigrationId;
  const facts = { check, passed, migrationId: pendingMigrationId } as const;
  if (passed) return { ...facts, why: "The key was migrated, and this is its first verification." };
  return {
    ...facts,
    why: "The key was migrated, and its first verification must send the migration's id.",
    fix: `Send \`migrationId: "${pendingMigrationId}"\` with the whole key.`,
  };
}

function oldHashCheck({ oldHashes }: RunContext, scheme: OldScheme | undefined): Check {
  const check = "found";
  const why = `The key was imported with its ${scheme ?? "old"} hash, by which its first verification finds it.`;
  if (!scheme?.startsWith("hmac") || oldHashes.hasHmacSecret) return { check, passed: true, why };
  return {
    check,
    passed: false,
    why: `${why} That needs the secret of the HMAC, which this server does not have.`,
    fix: "Set IMPORTED_HMAC_SECRET or IMPORTED_HMAC_SECRET_FILE.",
  };
}

/**
 * If the record of a deleted key was removed, only its audit event is left. The event does not name the key's api, so
 * only a caller that may read the keys of all apis learns of the event.
 */
async function missingCheck(context: RunContext, keyId: string | undefined): Promise<Check> {
  const { caller, db } = context;
  if (keyId !== undefined && mayAll(caller, "api", "read_key")) {
    const event = await findLastAuditEvent(db, caller.workspaceId, { event: "key.delete", targetId: keyId });
    if (event !== undefined) return deletedCheck(context, "key", keyId, event.atMs);
  }
  return {
    check: "found",
    passed: false,
    why: "There is no such key, or this root key may not read it.",
    fix: "Check that the key is complete, that it belongs to the workspace of this root key, and that this root key may read the keys of its api.",
  };
}

async function deletedCheck(
  { db, caller }: RunContext,
  what: "key" | "api",
  id: string,
  deletedAt: number,
): Promise<Check> {
  const event = await findLastAuditEvent(db, caller.workspaceId, { event: `${what}.delete`, targetId: id });
  const name = what === "key" ? "The key" : `The key's api ${id}`;
  const by = event === undefined ? "" : `, see audit event ${event.id}`;
  return {
    check: "found",
    passed: false,
    deletedAt,
    ...(event === undefined ? {} : { auditEventId: event.id }),
    why: `${name} was deleted at ${timeText(deletedAt)}${by}.`,
    fix: "Create another key. A deleted key cannot be restored.",
  };
}
