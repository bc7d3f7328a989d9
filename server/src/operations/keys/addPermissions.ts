import { z } from "zod";
import { operation } from "../../operation.ts";
import { listKeyPermissions } from "../../storage/queries/permissions.ts";
import { keyId, lockPermittedKey } from "../shared/keys.ts";
import {
  permission,
  permissionExample,
  permissionResponse,
  permissionSlugs,
  replacePermissions,
  requirePermissions,
} from "../shared/permissions.ts";

export const addPermissions = operation({
  name: "keys.addPermissions",
  summary: "Add permissions to a key",
  description:
    "Returns all direct permissions of the key. Slugs that do not exist are created, which needs `rbac.*.create_permission`.",
  permission: "api.<id>.update_key",
  input: z.strictObject({ keyId, permissions: permissionSlugs.min(1) }),
  output: z.array(permission),
  errors: ["key_not_found", "bound_exceeded"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", permissions: ["documents.read"] },
    output: [permissionExample],
  },

  async transact(input, context) {
    const { tx, caller } = context;
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const added = await requirePermissions(context, input.permissions);
    const held = await listKeyPermissions(tx, caller.workspaceId, key.id);
    await replacePermissions(context, key.id, [...held, ...added]);
    return (await listKeyPermissions(tx, caller.workspaceId, key.id)).map(permissionResponse);
  },
});
