import { z } from "zod";
import { Failure, invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { deleteRolePermissions, insertRolePermissions, lockRole } from "../../storage/queries/roles.ts";
import { idChange } from "../shared/changes.ts";
import {
  permission,
  permissionExample,
  permissionResponse,
  permissionSlugs,
  requirePermissions,
} from "../shared/permissions.ts";
import { roleRef } from "../shared/roles.ts";

export const setRolePermissions = operation({
  name: "permissions.setRolePermissions",
  summary: "Replace a role's permissions",
  description: "Slugs that do not exist are created, which needs `rbac.*.create_permission`.",
  permission: "rbac.*.add_permission_to_role",
  alsoNeeds: ["rbac.*.remove_permission_from_role"],
  input: z.strictObject({
    role: roleRef.optional().describe(`${roleRef.description} Required, unless \`roleId\` is sent.`),
    roleId: roleRef.optional().describe("Another name for `role`. Send only one of the two."),
    permissions: permissionSlugs.describe(
      "The slugs of all permissions that the role then gives. A repeated slug counts once. `[]` removes them all.",
    ),
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
    return permissions.map(permissionResponse);
  },
});

/** Errors: `invalid_input` unless exactly one of the two fields is set. */
function refOf({ role, roleId }: { role?: string | undefined; roleId?: string | undefined }): string {
  const ref = role ?? roleId;
  if (ref !== undefined && (role === undefined || roleId === undefined)) return ref;
  const problem = ref === undefined ? "is missing" : "is sent together with `roleId`";
  throw invalid("body.role", problem, "send the role's id or name in `role` or in `roleId`");
}
