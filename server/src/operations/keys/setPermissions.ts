import { z } from "zod";
import { operation } from "../../operation.ts";
import { keyId, lockPermittedKey } from "../shared/keys.ts";
import {
  permission,
  permissionExample,
  permissionResponse,
  permissionSlugs,
  replacePermissions,
  requirePermissions,
} from "../shared/permissions.ts";

export const setPermissions = operation({
  name: "keys.setPermissions",
  summary: "Replace a key's direct permissions",
  description:
    "Permissions that the key has through roles stay. Slugs that do not exist are created, which needs `rbac.*.create_permission`.",
  permission: "api.<id>.update_key",
  input: z.strictObject({ keyId, permissions: permissionSlugs }),
  output: z.array(permission),
  errors: ["key_not_found", "bound_exceeded"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", permissions: ["documents.read"] },
    output: [permissionExample],
  },

  async transact(input, context) {
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const permissions = await requirePermissions(context, input.permissions);
    await replacePermissions(context, key.id, permissions);
    return permissions.map(permissionResponse);
  },
});
