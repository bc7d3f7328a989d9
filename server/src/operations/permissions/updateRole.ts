import { z } from "zod";
import { quoted } from "../../domain/location.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { lockRole, setRole } from "../../storage/queries/roles.ts";
import { changedFields } from "../shared/changes.ts";
import { role, roleExample, roleName, roleRef, roleResponse } from "../shared/roles.ts";
import { description } from "../shared/values.ts";

export const updateRole = operation({
  name: "permissions.updateRole",
  summary: "Update a role",
  description: "An omitted field stays unchanged. Keys keep the role under its new name.",
  permission: "rbac.*.update_role",
  input: z.strictObject({
    role: roleRef,
    name: roleName.optional().describe("The new name. Unique in the workspace, compared byte for byte."),
    description: description
      .nullable()
      .optional()
      .describe("What the role allows, as text for people. null or empty text removes the description."),
  }),
  output: role,
  errors: ["role_not_found", "role_already_exists"],
  example: { input: { role: "editor", name: "author" }, output: { ...roleExample, name: "author" } },
  json429: true,

  async transact(input, { caller, tx, audit, evict }) {
    const current = await lockRole(tx, caller.workspaceId, input.role);
    if (current === undefined) throw new Failure("role_not_found");
    const fields = changedFields(input, "role");
    if (fields.length === 0) return roleResponse(current);
    const { name = current.name } = input;
    const updated = {
      ...current,
      name,
      description: input.description === undefined ? current.description : input.description || null,
    };
    if (!(await setRole(tx, caller.workspaceId, updated))) {
      throw new Failure("role_already_exists", { detail: `Another role is named ${quoted(name)}.` });
    }
    audit("role.update", current.id, fields);
    evict(current.id);
    return roleResponse(updated);
  },
});
