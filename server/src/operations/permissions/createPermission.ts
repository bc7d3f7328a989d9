import { z } from "zod";
import { quoted } from "../../domain/location.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { insertPermission } from "../../storage/queries/permissions.ts";
import { permissionName, permissionSlug } from "../shared/permissions.ts";
import { description, storedId } from "../shared/values.ts";

export const createPermission = operation({
  name: "permissions.createPermission",
  summary: "Create a permission",
  permission: "rbac.*.create_permission",
  input: z.strictObject({
    name: permissionName,
    slug: permissionSlug,
    description: description.optional(),
  }),
  output: z.strictObject({ permissionId: storedId.describe("The new permission's id.") }),
  errors: ["permission_already_exists"],
  example: {
    input: { name: "Read documents", slug: "documents.read" },
    output: { permissionId: "perm_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  },

  async transact(input, { caller, tx, audit, newId, now }) {
    const { name, slug } = input;
    const permission = { id: newId("perm"), name, slug, description: input.description || null };
    if (!(await insertPermission(tx, caller.workspaceId, permission, now()))) {
      throw new Failure("permission_already_exists", {
        detail: `A permission with the slug ${quoted(slug)} already exists.`,
      });
    }
    audit("permission.create", permission.id);
    return { permissionId: permission.id };
  },
});
