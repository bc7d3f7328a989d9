import type { z } from "zod";
import { may, mayAll } from "../domain/caller.ts";
import { diffRatelimits, type GivenRatelimit } from "../domain/ratelimits.ts";
import { apiKeySecret } from "../domain/secrets.ts";
import type { StoredRatelimit } from "../domain/verification.ts";
import { Failure, invalid } from "../errors.ts";
import type { Recovery, TransactContext } from "../operation.ts";
import type { Credits } from "../storage/queries/balances.ts";
import {
  claimPermissions,
  deleteKeyPermissions,
  deleteKeyRoles,
  findPermissionsBySlug,
  findRolesByName,
  insertKeyPermissions,
  insertKeyRoles,
  listKeyPermissions,
  listKeyRoles,
  type PermissionRecord,
  type RoleRecord,
} from "../storage/queries/grants.ts";
import { claimIdentity } from "../storage/queries/identities.ts";
import { type KeyDetails, lockKey } from "../storage/queries/keys.ts";
import { applyRatelimitDiff, listRatelimits } from "../storage/queries/ratelimits.ts";
import type { refill } from "./fields.ts";

/**
 * The live key with this id, held until the transaction ends.
 * Errors: `key_not_found`, also where the caller may not do `action` in the key's api.
 */
export async function lockPermittedKey(
  { tx, caller, nowMs }: TransactContext,
  keyId: string,
  action: string,
): Promise<KeyDetails> {
  const key = await lockKey(tx, caller.workspaceId, keyId, nowMs);
  if (key === undefined || !may(caller, "api", key.apiId, action)) throw new Failure("key_not_found");
  return key;
}

/** Forgets what was cached of the key, and of those that share its balance and counters. */
export function evictKey({ evict }: TransactContext, key: { id: string; subjectId: string }): void {
  evict(key.id);
  evict(key.subjectId);
}

/** The id of the identity that a key's `externalId` names, made where there was none. */
export async function linkIdentity(context: TransactContext, externalId: string): Promise<string> {
  const { caller, tx, audit, newId, nowMs } = context;
  const wanted = newId("id");
  const id = await claimIdentity(tx, { id: wanted, workspaceId: caller.workspaceId, externalId, nowMs });
  if (id === wanted) audit("identity.create", id);
  return id;
}

/** The permissions with these slugs; those that do not exist yet are made. */
export async function makePermissions(
  { caller, tx, audit, newId, nowMs }: TransactContext,
  slugs: readonly string[],
): Promise<PermissionRecord[]> {
  const { permissions, madeIds } = await claimPermissions(tx, caller.workspaceId, [...new Set(slugs)], {
    newId: () => newId("perm"),
    nowMs,
  });
  for (const id of madeIds) audit("permission.create", id);
  return permissions;
}

/**
 * As `makePermissions`, for callers that need a permission of their own to make some.
 * Errors: `insufficient_permissions` where there are some to make and the caller may not.
 */
export async function requirePermissions(
  context: TransactContext,
  slugs: readonly string[],
): Promise<PermissionRecord[]> {
  const { caller, tx } = context;
  const wanted = [...new Set(slugs)];
  const known = await findPermissionsBySlug(tx, caller.workspaceId, wanted);
  if (known.length === wanted.length) return known;
  if (mayAll(caller, "rbac", "create_permission")) return makePermissions(context, wanted);
  throw new Failure("insufficient_permissions", {
    detail: 'Missing permission: "rbac.*.create_permission", which making new slugs needs.',
  });
}

/**
 * The roles with these names.
 * Errors: `role_not_found` naming the first that does not exist.
 */
export async function requireRoles(
  { caller, tx }: TransactContext,
  names: readonly string[],
): Promise<RoleRecord[]> {
  const roles = await findRolesByName(tx, caller.workspaceId, [...new Set(names)]);
  const known = new Set(roles.map((role) => role.name));
  const missing = names.find((name) => !known.has(name));
  if (missing === undefined) return roles;
  throw new Failure("role_not_found", { detail: `There is no role named ${JSON.stringify(missing)}.` });
}

/** The refill as it is stored: monthly on a day, the 1st where none is given, or daily. */
export function refillOf(given: z.output<typeof refill>): NonNullable<Credits["refill"]> {
  return { amount: given.amount, day: given.interval === "monthly" ? (given.refillDay ?? 1) : undefined };
}

/**
 * The credits that a new key is given; undefined: unlimited.
 * Errors: `invalid_input` for a refill of unlimited credits.
 */
export function creditsOf(
  given: { remaining: number | null; refill?: z.output<typeof refill> | undefined } | undefined,
  location = "body.credits",
): Credits | undefined {
  if (given === undefined) return undefined;
  if (given.remaining === null && given.refill !== undefined) throw refillOfUnlimited(location);
  if (given.remaining === null) return undefined;
  return { remaining: given.remaining, refill: given.refill && refillOf(given.refill) };
}

/** The 400 for a refill where there is nothing to refill. */
export function refillOfUnlimited(location: string): Failure {
  return invalid(
    `${location}.refill`,
    "refills a key whose credits are unlimited",
    "give `remaining` a number, or leave `refill` away",
  );
}

/** Replaces the limits of a key or an identity, matched by name, each change in the audit trail. */
export async function replaceRatelimits(
  { caller, tx, audit, newId }: TransactContext,
  ownerId: string,
  current: readonly StoredRatelimit[],
  given: readonly GivenRatelimit[],
): Promise<StoredRatelimit[]> {
  const diff = diffRatelimits(current, given);
  const stored = await applyRatelimitDiff(tx, caller.workspaceId, ownerId, diff, () => newId("rl"));
  for (const [index, { existing }] of diff.set.entries()) {
    audit(existing === undefined ? "ratelimit.create" : "ratelimit.update", stored[index]?.id ?? "");
  }
  for (const { id } of diff.removed) audit("ratelimit.delete", id);
  return stored;
}

/** Names the identity's limits that the key's own ones of the same name hide. */
export async function shadowedLimits(
  { caller, tx }: TransactContext,
  own: readonly StoredRatelimit[],
  identityId: string | undefined,
): Promise<{ warnings?: string[] }> {
  if (identityId === undefined || own.length === 0) return {};
  const shared = await listRatelimits(tx, caller.workspaceId, [identityId]);
  const names = new Set((shared.get(identityId) ?? []).map((limit) => limit.name));
  const warnings = own
    .filter((limit) => names.has(limit.name))
    .map(
      (limit) => `The key's own limit ${JSON.stringify(limit.name)} hides its identity's of the same name.`,
    );
  return warnings.length === 0 ? {} : { warnings };
}

/** The names of what an update changes: all that it gives but `ref`, which names the thing. */
export function changedFields(input: object, ref: string): string[] {
  return Object.keys(input).filter((name) => name !== ref);
}

/** The ids of these rows. */
export function idsOf(rows: readonly { id: string }[]): string[] {
  return rows.map((row) => row.id);
}

/** Makes the secret of a key; `sealed` where it may be shown again. */
export function makeSecret(
  { randomBytes, hashKey, recovery }: TransactContext,
  wanted: { prefix?: string | undefined; byteLength: number; recoverable: boolean },
) {
  const { key, start } = apiKeySecret(wanted.prefix, randomBytes(wanted.byteLength));
  return { key, start, hash: hashKey(key), sealed: wanted.recoverable ? recovery?.seal(key) : undefined };
}

/** Errors: `precondition_failed` where this server is not set up for keys that can be shown again. */
export function requireRecovery(recovery: Recovery | undefined): Recovery {
  if (recovery !== undefined) return recovery;
  throw new Failure("precondition_failed", {
    detail: "This server is not set up for keys that can be shown again: set RECOVERY_KEY, or do without.",
  });
}

/** Changes the roles of a key to these: what is new is connected, what is gone disconnected, each audited. */
export async function replaceRoles(context: TransactContext, keyId: string, names: readonly string[]) {
  const roles = await requireRoles(context, names);
  const { tx, caller, audit } = context;
  const change = idChange(await listKeyRoles(tx, caller.workspaceId, keyId), roles);
  await insertKeyRoles(tx, caller.workspaceId, keyId, change.added);
  await deleteKeyRoles(tx, caller.workspaceId, keyId, change.removed);
  for (const id of change.added) audit("authorization.connect_role_and_key", keyId, [id]);
  for (const id of change.removed) audit("authorization.disconnect_role_and_key", keyId, [id]);
  return roles;
}

/** Changes the direct permissions of a key to these: as `replaceRoles`. */
export async function replacePermissions(
  { tx, caller, audit }: TransactContext,
  keyId: string,
  permissions: readonly PermissionRecord[],
): Promise<void> {
  const change = idChange(await listKeyPermissions(tx, caller.workspaceId, keyId), permissions);
  await insertKeyPermissions(tx, caller.workspaceId, keyId, change.added);
  await deleteKeyPermissions(tx, caller.workspaceId, keyId, change.removed);
  for (const id of change.added) audit("authorization.connect_permission_and_key", keyId, [id]);
  for (const id of change.removed) audit("authorization.disconnect_permission_and_key", keyId, [id]);
}

/** What leads from one set of rows to another. */
export function idChange(from: readonly { id: string }[], to: readonly { id: string }[]) {
  const before = new Set(idsOf(from));
  const after = new Set(idsOf(to));
  return {
    added: [...after].filter((id) => !before.has(id)),
    removed: [...before].filter((id) => !after.has(id)),
  };
}
