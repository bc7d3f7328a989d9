import { z } from "zod";
import { actions, closestPermission, isPermission, mayGrant, serverPermission } from "../../domain/caller.ts";
import { type ApisByKeyspace, isUrn, keyspacesIn, parsePermission } from "../../domain/permissionUrns.ts";
import { rootKeyParts, rootKeySecret } from "../../domain/secrets.ts";
import { Failure, invalid } from "../../errors/failure.ts";
import type { TransactContext } from "../../operation.ts";
import { findApisByKeyspace } from "../../storage/queries/apis.ts";
import {
  findRootKey,
  hasOtherOwnersRootKey,
  insertRootKey,
  type NewRootKey,
  type StoredRootKey,
} from "../../storage/queries/rootKeys.ts";
import { lockWorkspace } from "../../storage/queries/workspaces.ts";
import { text, word } from "./values.ts";

export const rootKeyId = word(3, 255).describe(
  "The root key's id, as the call that created it returned it. It is not the root key itself.",
);

export const rootKeyName = text(1, 255).describe(
  "A name for people, such as `Deployment`. It need not be unique.",
);

export const rootKeyPermissions = z
  .array(z.string().min(1).max(512).describe("One permission, such as `api.*.create_key`, or `*` for all."))
  .max(1_000)
  .describe(
    "What the root key may do. Each permission is `<resource>.<id or *>.<action>`, or `*` for everything except `server.*.read_status`, which only the command line grants. A URN as Unkey writes it (`unkey:v1:<workspace>:<path>#<action>`) stands for such permissions. The calling root key must hold each permission. A repeated permission counts once.",
  );

/** The new root key in the response that creates it. */
export const newRootKey = z.strictObject({
  keyId: z.string().min(1).max(255).describe("The new root key's id."),
  key: z
    .string()
    .min(1)
    .max(512)
    .describe("The whole root key. Store it or hand it out now: it is not shown again.")
    .meta({ secret: true }),
});

export const newRootKeyExample = {
  keyId: "root_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  key: "latchkey_root_2cGKbMxRyIzhCxo1Idjz8q",
};

/**
 * Reads the calling root key again, and prevents other transactions from changing the workspace's root keys.
 * Errors: `root_key_not_found` if the calling root key was deleted.
 */
export async function lockRootKeys({ tx, caller }: TransactContext): Promise<StoredRootKey> {
  await lockWorkspace(tx, caller.workspaceId);
  const own = await findRootKey(tx, caller.workspaceId, caller.rootKeyId);
  if (own === undefined) throw new Failure("root_key_not_found");
  return own;
}

/**
 * Returns the plain permissions that the permissions of a request stand for. A URN may stand for several. `own` is the
 * calling root key. `current` are the permissions that the root key to be changed already has.
 * Errors: `invalid_input` for text that is not a permission. `insufficient_permissions` for a permission that `own`
 * does not hold, and for `server.*.read_status`, which only the command line grants. If `current` already has
 * `server.*.read_status`, the root key may keep it.
 */
export async function requireGrantable(
  { tx, caller: { workspaceId } }: TransactContext,
  own: StoredRootKey,
  permissions: readonly string[],
  current: readonly string[],
): Promise<string[]> {
  const apis = await findApisByKeyspace(tx, workspaceId, keyspacesIn(permissions));
  for (const [keyspaceId, apiId] of apis) {
    const isKnown = actions.api.some((action) => mayGrant(own.plainPermissions, `api.${apiId}.${action}`));
    if (!isKnown) apis.delete(keyspaceId);
  }
  const plain = permissions.map((one, index) => parsed(one, `body.permissions[${index}]`, workspaceId, apis));
  if (permissions.includes(serverPermission) && !current.includes(serverPermission)) {
    throw new Failure("insufficient_permissions", {
      detail: `"${serverPermission}" concerns every workspace. Only the command line grants it: latchkey root-key create --permissions ${serverPermission}`,
    });
  }
  for (const [index, permission] of permissions.entries()) requireHeld(own, permission, plain[index] ?? []);
  return plain.flat();
}

/**
 * Returns the permissions that a text of the request stands for. A URN may stand for several. Errors: `invalid_input`.
 */
function parsed(permission: string, location: string, workspaceId: string, apis: ApisByKeyspace): string[] {
  const found = parsePermission(permission, workspaceId, apis);
  if ("flaw" in found) throw invalid(location, found.flaw.message, found.flaw.fix);
  if (isUrn(permission) || isPermission(permission)) return found.permissions;
  const near = closestPermission(permission);
  throw invalid(
    location,
    "is not a permission",
    near === undefined
      ? "use `<resource>.<id or *>.<action>`, such as `api.*.create_key`, or `*`"
      : `did you mean "${near}"?`,
  );
}

/**
 * Throws unless the root key `own` holds all of `plain`.
 * Errors: `insufficient_permissions`, whose message quotes `sent`: the permission as the request wrote it.
 */
export function requireHeld(own: StoredRootKey, sent: string, plain: readonly string[]): void {
  if (plain.every((permission) => mayGrant(own.plainPermissions, permission))) return;
  throw new Failure("insufficient_permissions", {
    detail: `Missing permission: "${sent}". A root key can grant only permissions that it has itself.`,
  });
}

/**
 * Throws if `key` is the workspace's last enabled root key with all permissions.
 * Errors: `protected_resource`.
 */
export async function refuseLastOwner(
  { tx, caller, now }: TransactContext,
  key: StoredRootKey,
): Promise<void> {
  const nowMs = now();
  const isOwner = key.enabled && key.permissions.includes("*") && !isExpired(key, nowMs);
  if (!isOwner || (await hasOtherOwnersRootKey(tx, caller.workspaceId, key.id, nowMs))) return;
  throw new Failure("protected_resource", {
    detail:
      "This is the last enabled root key of the workspace that has all permissions. It cannot be deleted, disabled or restricted: create another root key with the permission * first.",
  });
}

export function isExpired({ expiresAtMs }: StoredRootKey, nowMs: number): boolean {
  return expiresAtMs !== undefined && nowMs > expiresAtMs;
}

/** Creates a root key, and returns it. */
export async function createRootKey(
  { tx, caller, newId, randomBytes, hashKey, now }: TransactContext,
  wanted: Pick<NewRootKey, "name" | "permissions" | "plainPermissions" | "expiresAtMs">,
): Promise<z.input<typeof newRootKey>> {
  const key = rootKeySecret(randomBytes(24));
  const keyId = newId("root");
  const { workspaceId } = caller;
  const row = { ...wanted, ...rootKeyParts(key), id: keyId, workspaceId, hash: hashKey(key), nowMs: now() };
  await insertRootKey(tx, row);
  return { keyId, key };
}
