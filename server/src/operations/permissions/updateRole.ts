import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { applyRole, lockRole } from "../../storage/queries/permissions.ts";
import { description, roleName, roleRef } from "../fields.ts";
import { role, roleAnswer, roleExample } from "../keyAnswer.ts";
import { changedFields } from "../parts.ts";

export const updateRole = operation({
  name: "permissions.updateRole",
  summary: "Update a role",
  description: "What is left away stays. Keys keep the role under its new name.",
  permission: "rbac.*.update_role",
  input: z.strictObject({
    role: roleRef,
    name: roleName.optional(),
    description: description.nullable().optional().describe("null or empty removes it."),
  }),
  output: role,
  errors: ["role_not_found", "role_already_exists"],
  example: { input: { role: "editor", name: "author" }, output: { ...roleExample, name: "author" } },

  async transact(input, { caller, tx, audit, evict }) {
    const current = await lockRole(tx, caller.workspaceId, input.role);
    if (current === undefined) throw new Failure("role_not_found");
    const fields = changedFields(input, "role");
    if (fields.length === 0) return roleAnswer(current);
    const { name = current.name } = input;
    const updated = {
      ...current,
      name,
      description: input.description === undefined ? current.description : input.description || null,
    };
    if (!(await applyRole(tx, caller.workspaceId, updated))) {
      throw new Failure("role_already_exists", { detail: `Another role is named ${JSON.stringify(name)}.` });
    }
    audit("role.update", current.id, fields);
    evict(current.id);
    return roleAnswer(updated);
  },
});
