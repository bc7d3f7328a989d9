import { z } from "zod";
import { operation } from "../../operation.ts";
import { keyId, permissionSlugs } from "../fields.ts";
import { permission, permissionAnswer, permissionExample } from "../keyAnswer.ts";
import { evictKey, lockPermittedKey, replacePermissions, requirePermissions } from "../parts.ts";

export const setPermissions = operation({
  name: "keys.setPermissions",
  summary: "Replace a key's direct permissions",
  description:
    "Those it has through roles stay. Slugs that do not exist are made, with `rbac.*.create_permission`.",
  permission: "api.<id>.update_key",
  alsoNeeds: ["rbac.*.add_permission_to_key", "rbac.*.remove_permission_from_key"],
  input: z.strictObject({ keyId, permissions: permissionSlugs }),
  output: z.array(permission),
  errors: ["key_not_found"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", permissions: ["documents.read"] },
    output: [permissionExample],
  },

  async transact(input, context) {
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const permissions = await requirePermissions(context, input.permissions);
    await replacePermissions(context, key.id, permissions);
    evictKey(context, key);
    return permissions.map(permissionAnswer);
  },
});
