import { z } from "zod";
import { operation } from "../../operation.ts";
import { creditsOperation, creditsValue, updateCreditsOf } from "../shared/accounts.ts";
import { storedCredits } from "../shared/credits.ts";
import { keyId, lockPermittedKey } from "../shared/keys.ts";

export const updateCredits = operation({
  name: "keys.updateCredits",
  summary: "Set, add or take away credits",
  description:
    "A key shares its balance with the keys that replaced it in a reroll, so the change applies to all of them.",
  permission: "api.<id>.update_key",
  input: z.strictObject({ keyId, operation: creditsOperation, value: creditsValue }),
  output: storedCredits,
  errors: ["key_not_found"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", operation: "increment", value: 100 },
    output: { remaining: 142 },
  },

  async transact(input, context) {
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const owner = { workspaceId: key.workspaceId, id: key.subjectId, kind: "key" as const };
    const credits = await updateCreditsOf(context, owner, input);
    context.audit("key.update", key.id, ["credits"]);
    return credits;
  },
});
