import { z } from "zod";
import { operation } from "../../operation.ts";
import { keyId, roleNames } from "../fields.ts";
import { role, roleAnswer, roleExample } from "../keyAnswer.ts";
import { evictKey, lockPermittedKey, replaceRoles } from "../parts.ts";

export const addRoles = operation({
  name: "keys.addRoles",
  summary: "Give a key further roles",
  description: "Answers all that it then has.",
  permission: "api.<id>.update_key",
  alsoNeeds: ["rbac.*.add_role_to_key"],
  input: z.strictObject({ keyId, roles: roleNames.min(1) }),
  output: z.array(role),
  errors: ["key_not_found", "role_not_found"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", roles: ["editor"] }, output: [roleExample] },

  async transact(input, context) {
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const roles = await replaceRoles(context, key.id, [...key.roles, ...input.roles]);
    evictKey(context, key);
    return roles.map(roleAnswer);
  },
});
