import { z } from "zod";
import { mayAll } from "../../domain/caller.ts";
import { missingPermission } from "../../errors/failure.ts";
import type { TransactContext } from "../../operation.ts";
import {
  claimPermissions,
  deleteKeyPermissions,
  findPermissionsBySlug,
  insertKeyPermissions,
  listKeyPermissions,
  type PermissionRecord,
} from "../../storage/queries/permissions.ts";
import { bounds, refuseAbove } from "./bounds.ts";
import { idChange, idsOf } from "./changes.ts";
import { description, storedId, text } from "./values.ts";

export const permissionSlug = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[a-zA-Z0-9_:\-.*]+$/, "use only letters, digits and _ : - . *")
  .describe(
    "The name that permission queries use, such as `documents.read`. Unique in the workspace, compared byte for byte. Letters, digits, `_`, `:`, `-`, `.` and `*`. A `*` that is a whole segment is a wildcard: `*` alone covers every permission. At the end, `.*` covers one or more segments. Anywhere else, `*` covers exactly one segment.",
  );

export const permissionName = text(1, 512).describe(
  "A name for people, such as `Read documents`. It need not be unique.",
);

export const permissionSlugs = z
  .array(permissionSlug)
  .max(1000)
  .describe("The permissions' slugs, such as `documents.read`. A repeated slug counts once.");

export const permissionRef = permissionSlug.describe(
  "The permission's id or slug, such as `documents.read`. If both match, the id wins.",
);

export const permission = z.strictObject({
  id: storedId.describe("The permission's id."),
  name: permissionName,
  slug: permissionSlug,
  description: description
    .optional()
    .describe("What the permission allows, for people. Omitted if it has no description."),
});

export const permissionExample = {
  id: "perm_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  name: "Read documents",
  slug: "documents.read",
};

export function permissionResponse(record: PermissionRecord): z.input<typeof permission> {
  const { id, name, slug, description } = record;
  return description === null ? { id, name, slug } : { id, name, slug, description };
}

/** The permissions with these slugs. Creates the permissions that do not exist. */
export async function findOrCreatePermissions(
  { caller, tx, audit, newId, now }: TransactContext,
  slugs: readonly string[],
): Promise<PermissionRecord[]> {
  const { permissions, createdIds } = await claimPermissions(tx, caller.workspaceId, [...new Set(slugs)], {
    newId: () => newId("perm"),
    nowMs: now(),
  });
  for (const id of createdIds) audit("permission.create", id);
  return permissions;
}

/**
 * Like `findOrCreatePermissions`, for operations whose own permission does not include creating permissions.
 * Errors: `insufficient_permissions` if a slug does not exist and the caller may not create permissions.
 */
export async function requirePermissions(
  context: TransactContext,
  slugs: readonly string[],
): Promise<PermissionRecord[]> {
  const { caller, tx } = context;
  const wanted = [...new Set(slugs)];
  const existing = await findPermissionsBySlug(tx, caller.workspaceId, wanted);
  if (existing.length === wanted.length) return existing;
  if (mayAll(caller, "rbac", "create_permission")) return findOrCreatePermissions(context, wanted);
  throw missingPermission("rbac.*.create_permission");
}

/**
 * Makes these the direct permissions of a key and audits each one that is connected or disconnected.
 * Errors: `bound_exceeded`.
 */
export async function replacePermissions(
  { tx, caller, audit }: TransactContext,
  keyId: string,
  permissions: readonly PermissionRecord[],
): Promise<void> {
  const change = idChange(await listKeyPermissions(tx, caller.workspaceId, keyId), permissions);
  const count = new Set(idsOf(permissions)).size;
  refuseAbove(bounds.permissionsPerKey, "direct permissions on a key", count, change.added.length);
  await insertKeyPermissions(tx, caller.workspaceId, keyId, change.added);
  await deleteKeyPermissions(tx, caller.workspaceId, keyId, change.removed);
  for (const id of change.added) audit("authorization.connect_permission_and_key", keyId, [id]);
  for (const id of change.removed) audit("authorization.disconnect_permission_and_key", keyId, [id]);
}
