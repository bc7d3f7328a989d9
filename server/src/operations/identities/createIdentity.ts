import { z } from "zod";
import { quoted } from "../../domain/location.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { insertBalances } from "../../storage/queries/balances.ts";
import { insertIdentity } from "../../storage/queries/identities.ts";
import { credits, parseCredits } from "../shared/credits.ts";
import { externalId } from "../shared/identities.ts";
import { meta, metaText } from "../shared/meta.ts";
import { newQuotas, quotas } from "../shared/quotas.ts";
import { parseRatelimits, ratelimits, replaceRatelimits } from "../shared/ratelimits.ts";
import { storedId } from "../shared/values.ts";

export const createIdentity = operation({
  name: "identities.createIdentity",
  summary: "Create an identity",
  description:
    "An identity stands for a user or organization. Keys with its external id share its rate limits, credits and quotas, and their verifications return its metadata.",
  permission: "identity.*.create_identity",
  input: z.strictObject({
    externalId,
    meta: meta.optional(),
    ratelimits: ratelimits.optional(),
    credits: credits
      .optional()
      .describe(
        "Credits that the identity's keys share. A key that also has credits of its own spends from both. If omitted, they are unlimited.",
      ),
    quotas: quotas.optional(),
  }),
  output: z.strictObject({ identityId: storedId.describe("The new identity's id.") }),
  errors: ["identity_already_exists"],
  example: {
    input: {
      externalId: "user_123",
      meta: { plan: "pro" },
      ratelimits: [{ name: "requests", limit: 1000, duration: 60_000, autoApply: true }],
    },
    output: { identityId: "id_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  },

  async transact(input, context) {
    const { caller, tx, audit, newId, now, limits, note } = context;
    const requested = parseRatelimits(input.ratelimits ?? [], limits);
    const credits = parseCredits(input.credits);
    const id = await insertIdentity(tx, {
      id: newId("id"),
      workspaceId: caller.workspaceId,
      externalId: input.externalId,
      meta: metaText(input.meta ?? {}, limits, note),
      nowMs: now(),
    });
    if (id === undefined) {
      throw new Failure("identity_already_exists", {
        detail: `An identity with the external id ${quoted(input.externalId)} already exists.`,
      });
    }
    audit("identity.create", id);
    await replaceRatelimits(context, id, [], requested);
    const quotas = await newQuotas(context, input.quotas ?? []);
    if (credits !== undefined || quotas.length > 0) {
      await insertBalances(tx, caller.workspaceId, [{ ownerId: id, credits, quotas }], now());
    }
    return { identityId: id };
  },
});
