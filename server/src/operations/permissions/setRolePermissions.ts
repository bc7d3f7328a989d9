import { z } from "zod";
import { Failure, invalid } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { deleteRolePermissions, insertRolePermissions, lockRole } from "../../storage/queries/permissions.ts";
import { permissionSlugs, roleRef } from "../fields.ts";
import { permission, permissionAnswer, permissionExample } from "../keyAnswer.ts";
import { idChange, requirePermissions } from "../parts.ts";

export const setRolePermissions = operation({
  name: "permissions.setRolePermissions",
  summary: "Replace a role's permissions",
  description: "Slugs that do not exist are made, with `rbac.*.create_permission`.",
  permission: "rbac.*.add_permission_to_role",
  alsoNeeds: ["rbac.*.remove_permission_from_role"],
  input: z.strictObject({
    role: roleRef.optional(),
    roleId: roleRef.optional().describe("The older name of `role`."),
    permissions: permissionSlugs,
  }),
  output: z.array(permission),
  errors: ["role_not_found"],
  example: {
    input: { roleId: "role_0Ck3vDbnXhq2Tn6Yp1Zs4a", permissions: ["documents.read"] },
    output: [permissionExample],
  },

  async transact(input, context) {
    const { caller, tx, audit, evict } = context;
    const role = await lockRole(tx, caller.workspaceId, refOf(input));
    if (role === undefined) throw new Failure("role_not_found");
    const permissions = await requirePermissions(context, input.permissions);
    const { added, removed } = idChange(role.permissions, permissions);
    await insertRolePermissions(tx, caller.workspaceId, role.id, added);
    await deleteRolePermissions(tx, caller.workspaceId, role.id, removed);
    for (const id of added) audit("authorization.connect_role_and_permission", role.id, [id]);
    for (const id of removed) audit("authorization.disconnect_role_and_permissions", role.id, [id]);
    evict(role.id);
    return permissions.map(permissionAnswer);
  },
});

/** Errors: `invalid_input` unless exactly one of the two names is given. */
function refOf({ role, roleId }: { role?: string | undefined; roleId?: string | undefined }): string {
  const ref = role ?? roleId;
  if (ref !== undefined && (role === undefined || roleId === undefined)) return ref;
  const problem = ref === undefined ? "is missing" : "is given twice, as `roleId` too";
  throw invalid("body.role", problem, "give the role's id or name, once");
}
