import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findPermissionsBySlug, listKeyPermissions } from "../../storage/queries/grants.ts";
import { keyId, permissionSlugs } from "../fields.ts";
import { permission, permissionAnswer, permissionExample } from "../keyAnswer.ts";
import { evictKey, lockPermittedKey, replacePermissions } from "../parts.ts";

export const removePermissions = operation({
  name: "keys.removePermissions",
  summary: "Take permissions from a key",
  description: "Only direct ones; answers what it then still has directly.",
  permission: "api.<id>.update_key",
  alsoNeeds: ["rbac.*.remove_permission_from_key"],
  input: z.strictObject({ keyId, permissions: permissionSlugs.min(1) }),
  output: z.array(permission),
  errors: ["key_not_found", "permission_not_found"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", permissions: ["documents.write"] },
    output: [permissionExample],
  },

  async transact(input, context) {
    const { tx, caller } = context;
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const gone = new Set(input.permissions);
    const known = await findPermissionsBySlug(tx, caller.workspaceId, [...gone]);
    const missing = input.permissions.find((slug) => !known.some((one) => one.slug === slug));
    if (missing !== undefined) {
      throw new Failure("permission_not_found", {
        detail: `There is no permission ${JSON.stringify(missing)}.`,
      });
    }
    const held = await listKeyPermissions(tx, caller.workspaceId, key.id);
    const left = held.filter((one) => !gone.has(one.slug));
    await replacePermissions(context, key.id, left);
    evictKey(context, key);
    return left.map(permissionAnswer);
  },
});
