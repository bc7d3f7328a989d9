import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { deleteRolePermissions, insertRolePermissions, lockRole } from "../../storage/queries/permissions.ts";
import { permissionSlugs } from "../fields.ts";
import { permission, permissionAnswer, permissionExample } from "../keyAnswer.ts";
import { idChange, requirePermissions } from "../parts.ts";

export const setRolePermissions = operation({
  name: "permissions.setRolePermissions",
  summary: "Replace a role's permissions",
  description: "Slugs that do not exist are made, with `rbac.*.create_permission`.",
  permission: "rbac.*.add_permission_to_role",
  alsoNeeds: ["rbac.*.remove_permission_from_role"],
  input: z.strictObject({
    roleId: z
      .string()
      .min(3)
      .max(255)
      .regex(/^[a-zA-Z0-9_-]+$/, "use only letters, digits, _ and -"),
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
    const role = await lockRole(tx, caller.workspaceId, input.roleId);
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
