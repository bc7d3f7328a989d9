import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findRole } from "../../storage/queries/roles.ts";
import { role, roleExample, roleRef, roleResponse } from "../shared/roles.ts";

export const getRole = operation({
  name: "permissions.getRole",
  summary: "Read one role",
  permission: "rbac.*.read_role",
  input: z.strictObject({ role: roleRef }),
  output: role,
  errors: ["role_not_found"],
  example: { input: { role: "editor" }, output: roleExample },

  async run(input, { caller, db }) {
    const found = await findRole(db, caller.workspaceId, input.role);
    if (found === undefined) throw new Failure("role_not_found");
    return roleResponse(found);
  },
});
