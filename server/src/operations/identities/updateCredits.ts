import { z } from "zod";
import { operation } from "../../operation.ts";
import { creditsOperation, creditsValue, lockOwner, updateCreditsOf } from "../shared/accounts.ts";
import { storedCredits } from "../shared/credits.ts";
import { identityRef } from "../shared/identities.ts";

export const updateIdentityCredits = operation({
  name: "identities.updateCredits",
  summary: "Set, add or take away credits of an identity",
  description:
    "All keys of the identity spend from these credits. If a key also has credits of its own, both must suffice, and both are spent.",
  permission: "identity.<id>.update_identity",
  input: z.strictObject({ identity: identityRef, operation: creditsOperation, value: creditsValue }),
  output: storedCredits,
  errors: ["identity_not_found"],
  example: {
    input: { identity: "user_123", operation: "set", value: 100 },
    output: { remaining: 100 },
  },

  async transact(input, context) {
    const owner = await lockOwner(context, { identity: input.identity });
    const credits = await updateCreditsOf(context, owner, input);
    context.audit("identity.update", owner.targetId, ["credits"]);
    return credits;
  },
});
