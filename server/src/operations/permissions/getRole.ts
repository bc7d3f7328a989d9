import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findRole } from "../../storage/queries/permissions.ts";
import { roleRef } from "../fields.ts";
import { role, roleAnswer, roleExample } from "../keyAnswer.ts";

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
    return roleAnswer(found);
  },
});
