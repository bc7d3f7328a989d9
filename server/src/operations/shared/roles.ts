import { z } from "zod";
import { quoted } from "../../domain/location.ts";
import { Failure } from "../../errors/failure.ts";
import type { TransactContext } from "../../operation.ts";
import {
  deleteKeyRoles,
  findRolesByName,
  insertKeyRoles,
  listKeyRoles,
  type RoleRecord,
  type RoleRow,
  withPermissions,
} from "../../storage/queries/roles.ts";
import type { Db } from "../../storage/schema.ts";
import { bounds, refuseAbove } from "./bounds.ts";
import { idChange } from "./changes.ts";
import { permission, permissionExample, permissionResponse } from "./permissions.ts";
import { description, storedId, text } from "./values.ts";

export const roleName = text(1, 128).describe(
  "The role's name, such as `editor`. Unique in the workspace, compared byte for byte.",
);

export const roleRef = roleName.describe(
  "The role's id or name, such as `editor`. If both match, the id wins.",
);

export const roleNames = z
  .array(roleName)
  .max(100)
  .describe("The roles' names. They must exist. A repeated name counts once.");

export const role = z.strictObject({
  id: storedId.describe("The role's id."),
  name: roleName,
  description: description
    .optional()
    .describe("What the role allows, for people. Omitted if it has no description."),
  permissions: z
    .array(permission)
    .optional()
    .describe("The permissions that the role gives. Omitted if it gives none."),
});

export const roleExample = {
  id: "role_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  name: "editor",
  permissions: [permissionExample],
};

export function roleResponse({ id, name, description, permissions }: RoleRecord): z.input<typeof role> {
  const response: z.input<typeof role> = { id, name };
  if (description !== null) response.description = description;
  if (permissions.length > 0) response.permissions = permissions.map(permissionResponse);
  return response;
}

/** The roles as responses show them. Reads the permissions of the roles, because only responses need these. */
export async function rolesResponse(
  { tx, caller }: TransactContext,
  roles: readonly RoleRow[],
): Promise<z.input<typeof role>[]> {
  return (await withPermissions(tx, caller.workspaceId, roles)).map(roleResponse);
}

/**
 * The roles with these names.
 * Errors: `role_not_found` for the first name that does not exist.
 */
export async function requireRoles(
  { caller, tx }: { caller: TransactContext["caller"]; tx: Db },
  names: readonly string[],
): Promise<RoleRow[]> {
  const roles = await findRolesByName(tx, caller.workspaceId, [...new Set(names)]);
  const existing = new Set(roles.map((role) => role.name));
  const missing = names.find((name) => !existing.has(name));
  if (missing === undefined) return roles;
  throw new Failure("role_not_found", { detail: `A role named ${quoted(missing)} does not exist.` });
}

/**
 * Makes these the roles of a key and audits each role that is connected or disconnected.
 * Errors: `role_not_found`, `bound_exceeded`.
 */
export async function replaceRoles(context: TransactContext, keyId: string, names: readonly string[]) {
  const roles = await requireRoles(context, names);
  const { tx, caller, audit } = context;
  const change = idChange(await listKeyRoles(tx, caller.workspaceId, keyId), roles);
  refuseAbove(bounds.rolesPerKey, "roles on a key", roles.length, change.added.length);
  await insertKeyRoles(tx, caller.workspaceId, keyId, change.added);
  await deleteKeyRoles(tx, caller.workspaceId, keyId, change.removed);
  for (const id of change.added) audit("authorization.connect_role_and_key", keyId, [id]);
  for (const id of change.removed) audit("authorization.disconnect_role_and_key", keyId, [id]);
  return roles;
}
