import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findPermission } from "../../storage/queries/permissions.ts";
import { permission, permissionExample, permissionRef, permissionResponse } from "../shared/permissions.ts";

export const getPermission = operation({
  name: "permissions.getPermission",
  summary: "Read one permission",
  permission: "rbac.*.read_permission",
  input: z.strictObject({ permission: permissionRef }),
  output: permission,
  errors: ["permission_not_found"],
  example: { input: { permission: "documents.read" }, output: permissionExample },

  async run(input, { caller, db }) {
    const found = await findPermission(db, caller.workspaceId, input.permission);
    if (found === undefined) throw new Failure("permission_not_found");
    return permissionResponse(found);
  },
});
