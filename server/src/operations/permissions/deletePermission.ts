import { z } from "zod";
import { looksLikeIdOfAnother } from "../../domain/ids.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findPermission, setPermissionDeleted } from "../../storage/queries/permissions.ts";
import { permissionRef } from "../shared/permissions.ts";

export const deletePermission = operation({
  name: "permissions.deletePermission",
  summary: "Delete a permission",
  description:
    "This is permanent. Every key and role loses the permission. Text of the form of an id (`perm_` and 22 letters or digits) is never looked up as a slug, so a repeated call with an id cannot delete another permission.",
  permission: "rbac.*.delete_permission",
  input: z.strictObject({ permission: permissionRef }),
  output: z.strictObject({}),
  errors: ["permission_not_found"],
  example: { input: { permission: "documents.read" }, output: {} },

  async transact(input, { caller, tx, audit, evict }) {
    const found = await findPermission(tx, caller.workspaceId, input.permission);
    if (found === undefined || looksLikeIdOfAnother(input.permission, "perm", found.id))
      throw new Failure("permission_not_found");
    await setPermissionDeleted(tx, caller.workspaceId, found.id);
    audit("permission.delete", found.id);
    evict(found.id);
    return {};
  },
});
