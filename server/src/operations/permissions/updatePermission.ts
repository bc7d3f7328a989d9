import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { applyPermission, lockPermission } from "../../storage/queries/permissions.ts";
import { description, permissionName, permissionRef, permissionSlug } from "../fields.ts";
import { permission, permissionAnswer, permissionExample } from "../keyAnswer.ts";
import { changedFields } from "../parts.ts";

export const updatePermission = operation({
  name: "permissions.updatePermission",
  summary: "Update a permission",
  description: "What is left away stays. Keys and roles keep it under its new slug.",
  permission: "rbac.*.update_permission",
  input: z.strictObject({
    permission: permissionRef,
    name: permissionName.optional(),
    slug: permissionSlug.optional(),
    description: description.nullable().optional().describe("null or empty removes it."),
  }),
  output: permission,
  errors: ["permission_not_found", "permission_already_exists"],
  example: { input: { permission: "documents.read", name: "Read documents" }, output: permissionExample },

  async transact(input, { caller, tx, audit, evict }) {
    const current = await lockPermission(tx, caller.workspaceId, input.permission);
    if (current === undefined) throw new Failure("permission_not_found");
    const fields = changedFields(input, "permission");
    if (fields.length === 0) return permissionAnswer(current);
    const { name = current.name, slug = current.slug } = input;
    const updated = {
      id: current.id,
      name,
      slug,
      description: input.description === undefined ? current.description : input.description || null,
    };
    if (!(await applyPermission(tx, caller.workspaceId, updated))) {
      throw new Failure("permission_already_exists", {
        detail: `Another permission has the slug ${JSON.stringify(slug)}.`,
      });
    }
    audit("permission.update", current.id, fields);
    evict(current.id);
    return permissionAnswer(updated);
  },
});
