import { z } from "zod";
import { operation } from "../../operation.ts";
import { listKeyPermissions } from "../../storage/queries/grants.ts";
import { keyId, permissionSlugs } from "../fields.ts";
import { permission, permissionAnswer, permissionExample } from "../keyAnswer.ts";
import { evictKey, lockPermittedKey, replacePermissions, requirePermissions } from "../parts.ts";

export const addPermissions = operation({
  name: "keys.addPermissions",
  summary: "Give a key further permissions",
  description:
    "Answers all that it then has directly. Slugs that do not exist are made, with `rbac.*.create_permission`.",
  permission: "api.<id>.update_key",
  alsoNeeds: ["rbac.*.add_permission_to_key"],
  input: z.strictObject({ keyId, permissions: permissionSlugs.min(1) }),
  output: z.array(permission),
  errors: ["key_not_found"],
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
    evictKey(context, key);
    return (await listKeyPermissions(tx, caller.workspaceId, key.id)).map(permissionAnswer);
  },
});
