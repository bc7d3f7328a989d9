import { z } from "zod";
import { mayAll } from "../../domain/caller.ts";
import { quoted } from "../../domain/location.ts";
import { Failure, missingPermission } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { insertRole, insertRolePermissions } from "../../storage/queries/roles.ts";
import { idsOf } from "../shared/changes.ts";
import { permissionSlugs, requirePermissions } from "../shared/permissions.ts";
import { roleName } from "../shared/roles.ts";
import { description, storedId } from "../shared/values.ts";

export const createRole = operation({
  name: "permissions.createRole",
  summary: "Create a role",
  description:
    "A role is a named set of permissions. Giving it permissions needs `rbac.*.add_permission_to_role`. Slugs that do not exist are created, which needs `rbac.*.create_permission`.",
  permission: "rbac.*.create_role",
  input: z.strictObject({
    name: roleName,
    description: description.optional(),
    permissions: permissionSlugs
      .optional()
      .describe("The slugs of the permissions that the role gives. A repeated slug counts once."),
  }),
  output: z.strictObject({ roleId: storedId.describe("The new role's id.") }),
  errors: ["role_already_exists"],
  example: {
    input: { name: "editor", permissions: ["documents.read", "documents.write"] },
    output: { roleId: "role_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  },

  async transact(input, context) {
    const { caller, tx, audit, newId, now } = context;
    const slugs = input.permissions ?? [];
    if (slugs.length > 0 && !mayAll(caller, "rbac", "add_permission_to_role")) {
      throw missingPermission("rbac.*.add_permission_to_role");
    }
    const role = { id: newId("role"), name: input.name, description: input.description || null };
    if (!(await insertRole(tx, caller.workspaceId, role, now()))) {
      throw new Failure("role_already_exists", {
        detail: `A role named ${quoted(input.name)} already exists.`,
      });
    }
    audit("role.create", role.id);
    const permissions = await requirePermissions(context, slugs);
    await insertRolePermissions(tx, caller.workspaceId, role.id, idsOf(permissions));
    for (const { id } of permissions) audit("authorization.connect_role_and_permission", role.id, [id]);
    return { roleId: role.id };
  },
});
