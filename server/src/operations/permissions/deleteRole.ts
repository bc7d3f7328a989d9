import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { deleteRoleRow, findRole } from "../../storage/queries/permissions.ts";
import { roleRef } from "../fields.ts";

export const deleteRole = operation({
  name: "permissions.deleteRole",
  summary: "Delete a role",
  description: "Permanent: every key loses it, and the permissions it had through it.",
  permission: "rbac.*.delete_role",
  input: z.strictObject({ role: roleRef }),
  output: z.strictObject({}),
  errors: ["role_not_found"],
  example: { input: { role: "editor" }, output: {} },

  async transact(input, { caller, tx, audit, evict }) {
    const found = await findRole(tx, caller.workspaceId, input.role);
    if (found === undefined) throw new Failure("role_not_found");
    await deleteRoleRow(tx, caller.workspaceId, found.id);
    audit("role.delete", found.id);
    evict(found.id);
    return {};
  },
});
