import { z } from "zod";
import { creditsOf, quotasOf } from "../../domain/accounts.ts";
import { may } from "../../domain/caller.ts";
import { identityLimits } from "../../domain/ratelimits.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findAccounts } from "../../storage/queries/accounts.ts";
import { findIdentity } from "../../storage/queries/identities.ts";
import { creditsResponse, storedCredits } from "../shared/credits.ts";
import { identityRef } from "../shared/identities.ts";
import { limitState, limitStateExample, limitStates } from "../shared/limitStates.ts";
import { quotaResponse, storedQuota } from "../shared/quotas.ts";
import { instant, storedId, text } from "../shared/values.ts";

export const getState = operation({
  name: "identities.getState",
  summary: "Read an identity's limits, quotas and credits as they stand now",
  description: "Counts against no limit and spends nothing.",
  permission: "identity.<id>.read_identity",
  input: z.strictObject({ identity: identityRef }),
  output: z.strictObject({
    identityId: storedId.describe("The identity's id."),
    externalId: text(1, 255).describe("Your own id for the user or organization."),
    ratelimits: z
      .array(limitState)
      .max(50)
      .describe("The rate limits that the identity's keys share. `[]` if it has none."),
    credits: storedCredits.describe(
      "The credits that the identity's keys share. `remaining` is null if they are unlimited.",
    ),
    nextRefillAt: instant
      .optional()
      .describe(
        "When the credits are refilled next. Unix time in milliseconds. Omitted if they are not refilled.",
      ),
    quotas: z
      .array(storedQuota)
      .max(50)
      .describe("The quotas that the identity's keys share, and what is left of them. `[]` if it has none."),
  }),
  errors: ["identity_not_found"],
  example: {
    input: { identity: "user_123" },
    output: {
      identityId: "id_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      externalId: "user_123",
      ratelimits: [limitStateExample],
      credits: { remaining: 100 },
      quotas: [],
    },
  },

  async run(input, context) {
    const { workspaceId } = context.caller;
    const found = await findIdentity(context.db, workspaceId, input.identity);
    if (found === undefined || !may(context.caller, "identity", found.id, "read_identity")) {
      throw new Failure("identity_not_found");
    }
    const ratelimits = await limitStates(context, identityLimits(workspaceId, found));
    const owner = { workspaceId, id: found.id, kind: "identity" as const };
    const [account] = await findAccounts(context.db, [owner], context.now());
    const nextRefillAt = account?.credits.nextRefillAtMs;
    return {
      identityId: found.id,
      externalId: found.externalId,
      ratelimits,
      credits: creditsResponse(account && creditsOf(account.credits)),
      ...(typeof nextRefillAt === "number" ? { nextRefillAt } : {}),
      quotas: account === undefined ? [] : quotasOf(account).map(quotaResponse),
    };
  },
});
