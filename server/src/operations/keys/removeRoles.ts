import { z } from "zod";
import { operation } from "../../operation.ts";
import { keyId, lockPermittedKey } from "../shared/keys.ts";
import { replaceRoles, requireRoles, role, roleNames, rolesResponse } from "../shared/roles.ts";

export const removeRoles = operation({
  name: "keys.removeRoles",
  summary: "Remove roles from a key",
  description: "Returns the roles that the key still has.",
  permission: "api.<id>.update_key",
  input: z.strictObject({ keyId, roles: roleNames.min(1) }),
  output: z.array(role),
  errors: ["key_not_found", "role_not_found"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", roles: ["editor"] }, output: [] },

  async transact(input, context) {
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    await requireRoles(context, input.roles);
    const removed = new Set(input.roles);
    const left = key.roles.filter((name) => !removed.has(name));
    const roles = await replaceRoles(context, key.id, left);
    return rolesResponse(context, roles);
  },
});
