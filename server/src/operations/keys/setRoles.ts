import { z } from "zod";
import { operation } from "../../operation.ts";
import { keyId, lockPermittedKey } from "../shared/keys.ts";
import { replaceRoles, role, roleExample, roleNames, rolesResponse } from "../shared/roles.ts";

export const setRoles = operation({
  name: "keys.setRoles",
  summary: "Replace a key's roles",
  permission: "api.<id>.update_key",
  input: z.strictObject({ keyId, roles: roleNames }),
  output: z.array(role),
  errors: ["key_not_found", "role_not_found", "bound_exceeded"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", roles: ["editor"] }, output: [roleExample] },

  async transact(input, context) {
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const roles = await replaceRoles(context, key.id, input.roles);
    return rolesResponse(context, roles);
  },
});
