import { z } from "zod";
import { mayAll } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation, type TransactContext } from "../../operation.ts";
import { insertRole, insertRolePermissions } from "../../storage/queries/permissions.ts";
import { description, permissionSlugs, text } from "../fields.ts";
import { idsOf, requirePermissions } from "../parts.ts";

export const createRole = operation({
  name: "permissions.createRole",
  summary: "Create a role",
  description:
    "A named set of permissions. Naming some needs `rbac.*.add_permission_to_role`, and new ones `rbac.*.create_permission`.",
  permission: "rbac.*.create_role",
  input: z.strictObject({
    name: text(1, 128).describe("Unique in the workspace, compared byte for byte."),
    description: description.optional(),
    permissions: permissionSlugs.optional(),
  }),
  output: z.strictObject({ roleId: z.string() }),
  errors: ["role_already_exists"],
  example: {
    input: { name: "editor", permissions: ["documents.read", "documents.write"] },
    output: { roleId: "role_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  },

  async transact(input, context) {
    const { caller, tx, audit, newId, nowMs } = context;
    const slugs = input.permissions ?? [];
    if (slugs.length > 0) requireAdding(context);
    const role = { id: newId("role"), name: input.name, description: input.description || null };
    if (!(await insertRole(tx, caller.workspaceId, role, nowMs))) {
      throw new Failure("role_already_exists", {
        detail: `A role named ${JSON.stringify(input.name)} exists already.`,
      });
    }
    audit("role.create", role.id);
    const permissions = await requirePermissions(context, slugs);
    await insertRolePermissions(tx, caller.workspaceId, role.id, idsOf(permissions));
    for (const { id } of permissions) audit("authorization.connect_role_and_permission", role.id, [id]);
    return { roleId: role.id };
  },
});

function requireAdding({ caller }: TransactContext): void {
  if (mayAll(caller, "rbac", "add_permission_to_role")) return;
  throw new Failure("insufficient_permissions", {
    detail: 'Missing permission: "rbac.*.add_permission_to_role", which a role with permissions needs.',
  });
}
