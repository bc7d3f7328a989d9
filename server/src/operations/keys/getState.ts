import { z } from "zod";
import { quotasOf } from "../../domain/accounts.ts";
import { may } from "../../domain/caller.ts";
import { prepareLimits } from "../../domain/ratelimits.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findAccounts } from "../../storage/queries/accounts.ts";
import { findKey } from "../../storage/queries/keys/read.ts";
import { creditsResponse, storedCredits } from "../shared/credits.ts";
import { keyId } from "../shared/keys.ts";
import { limitState, limitStateExample, limitStates } from "../shared/limitStates.ts";
import { quotaResponse, storedQuota } from "../shared/quotas.ts";
import { instant, storedId } from "../shared/values.ts";

export const getState = operation({
  name: "keys.getState",
  summary: "Read a key's limits and credits as they stand now",
  description: "Counts against no limit and spends nothing.",
  permission: "api.<id>.read_key",
  input: z.strictObject({ keyId }),
  output: z.strictObject({
    keyId: storedId.describe("The key's id."),
    ratelimits: z
      .array(limitState)
      .max(100)
      .describe(
        "The limits that a verification of the key can count against: its own, and those of its identity that no limit of the key with the same name hides. `[]` if it has no limits.",
      ),
    credits: storedCredits.describe("The key's credits. `remaining` is null if they are unlimited."),
    quotas: z
      .array(storedQuota)
      .max(50)
      .describe("The key's own quotas, and what is left of them. `[]` if it has none."),
    nextRefillAt: instant
      .optional()
      .describe(
        "When the credits are refilled next. Unix time in milliseconds. Omitted if they are not refilled.",
      ),
  }),
  errors: ["key_not_found"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
    output: {
      keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      ratelimits: [limitStateExample],
      credits: { remaining: 100 },
      quotas: [],
    },
  },

  async run(input, context) {
    const { caller, db, now } = context;
    const found = await findKey(db, caller.workspaceId, input.keyId, now());
    if (found === undefined || !may(caller, "api", found.apiId, "read_key"))
      throw new Failure("key_not_found");
    const owner = { workspaceId: found.workspaceId, id: found.subjectId, kind: "key" as const };
    const [account] = await findAccounts(db, [owner], now());
    const nextRefillAt = account?.credits.nextRefillAtMs;
    return {
      keyId: found.id,
      ratelimits: await limitStates(context, [...prepareLimits(found).all]),
      credits: creditsResponse(found.credits),
      ...(typeof nextRefillAt === "number" ? { nextRefillAt } : {}),
      quotas: account === undefined ? [] : quotasOf(account).map(quotaResponse),
    };
  },
});
