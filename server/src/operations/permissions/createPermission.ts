import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { insertPermission } from "../../storage/queries/permissions.ts";
import { description, permissionSlug, text } from "../fields.ts";

export const createPermission = operation({
  name: "permissions.createPermission",
  summary: "Create a permission",
  permission: "rbac.*.create_permission",
  input: z.strictObject({
    name: text(1, 512),
    slug: permissionSlug.describe("What queries name; unique in the workspace, compared byte for byte."),
    description: description.optional(),
  }),
  output: z.strictObject({ permissionId: z.string() }),
  errors: ["permission_already_exists"],
  example: {
    input: { name: "Read documents", slug: "documents.read" },
    output: { permissionId: "perm_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  },

  async transact(input, { caller, tx, audit, newId, nowMs }) {
    const { name, slug } = input;
    const permission = { id: newId("perm"), name, slug, description: input.description || null };
    if (!(await insertPermission(tx, caller.workspaceId, permission, nowMs))) {
      throw new Failure("permission_already_exists", {
        detail: `A permission with the slug ${JSON.stringify(slug)} exists already.`,
      });
    }
    audit("permission.create", permission.id);
    return { permissionId: permission.id };
  },
});
