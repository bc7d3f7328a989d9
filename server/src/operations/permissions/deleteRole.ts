import { z } from "zod";
import { looksLikeIdOfAnother } from "../../domain/ids.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findRoleId, setRoleDeleted } from "../../storage/queries/roles.ts";
import { roleRef } from "../shared/roles.ts";

export const deleteRole = operation({
  name: "permissions.deleteRole",
  summary: "Delete a role",
  description:
    "This is permanent. Every key loses the role, and the permissions that the role gave it. Text of the form of an id (`role_` and 22 letters or digits) is never looked up as a name, so a repeated call with an id cannot delete another role.",
  permission: "rbac.*.delete_role",
  input: z.strictObject({ role: roleRef }),
  output: z.strictObject({}),
  errors: ["role_not_found"],
  example: { input: { role: "editor" }, output: {} },

  async transact(input, { caller, tx, audit, evict }) {
    const id = await findRoleId(tx, caller.workspaceId, input.role);
    if (id === undefined || looksLikeIdOfAnother(input.role, "role", id)) throw new Failure("role_not_found");
    await setRoleDeleted(tx, caller.workspaceId, id);
    audit("role.delete", id);
    evict(id);
    return {};
  },
});
