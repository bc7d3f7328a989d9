import { z } from "zod";
import { quoted } from "../../domain/location.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { lockPermission, setPermission } from "../../storage/queries/permissions.ts";
import { changedFields } from "../shared/changes.ts";
import {
  permission,
  permissionExample,
  permissionName,
  permissionRef,
  permissionResponse,
  permissionSlug,
} from "../shared/permissions.ts";
import { description } from "../shared/values.ts";

export const updatePermission = operation({
  name: "permissions.updatePermission",
  summary: "Update a permission",
  description: "An omitted field stays unchanged. Keys and roles keep the permission under its new slug.",
  permission: "rbac.*.update_permission",
  input: z.strictObject({
    permission: permissionRef,
    name: permissionName.optional().describe(`The new name. ${permissionName.description}`),
    slug: permissionSlug.optional().describe(`The new slug. ${permissionSlug.description}`),
    description: description
      .nullable()
      .optional()
      .describe(
        "What the permission allows, as text for people. null or empty text removes the description.",
      ),
  }),
  output: permission,
  errors: ["permission_not_found", "permission_already_exists"],
  example: { input: { permission: "documents.read", name: "Read documents" }, output: permissionExample },
  json429: true,

  async transact(input, { caller, tx, audit, evict }) {
    const current = await lockPermission(tx, caller.workspaceId, input.permission);
    if (current === undefined) throw new Failure("permission_not_found");
    const fields = changedFields(input, "permission");
    if (fields.length === 0) return permissionResponse(current);
    const { name = current.name, slug = current.slug } = input;
    const updated = {
      id: current.id,
      name,
      slug,
      description: input.description === undefined ? current.description : input.description || null,
    };
    if (!(await setPermission(tx, caller.workspaceId, updated))) {
      throw new Failure("permission_already_exists", {
        detail: `Another permission has the slug ${quoted(slug)}.`,
      });
    }
    audit("permission.update", current.id, fields);
    evict(current.id);
    return permissionResponse(updated);
  },
});
