import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { deletePermissionRow, findPermission } from "../../storage/queries/permissions.ts";
import { permissionRef } from "../fields.ts";

export const deletePermission = operation({
  name: "permissions.deletePermission",
  summary: "Delete a permission",
  description: "Permanent: every key and role loses it.",
  permission: "rbac.*.delete_permission",
  input: z.strictObject({ permission: permissionRef }),
  output: z.strictObject({}),
  errors: ["permission_not_found"],
  example: { input: { permission: "documents.read" }, output: {} },

  async transact(input, { caller, tx, audit, evict }) {
    const found = await findPermission(tx, caller.workspaceId, input.permission);
    if (found === undefined) throw new Failure("permission_not_found");
    await deletePermissionRow(tx, caller.workspaceId, found.id);
    audit("permission.delete", found.id);
    evict(found.id);
    return {};
  },
});
