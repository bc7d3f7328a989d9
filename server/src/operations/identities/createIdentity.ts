import { z } from "zod";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { insertIdentity } from "../../storage/queries/identities.ts";
import { externalId, givenRatelimits, meta, metaText, ratelimits } from "../fields.ts";
import { replaceRatelimits } from "../parts.ts";

export const createIdentity = operation({
  name: "identities.createIdentity",
  summary: "Create an identity",
  description:
    "One entity for a user or organisation. Keys that name its external id share its rate limits and carry its metadata.",
  permission: "identity.*.create_identity",
  input: z.strictObject({ externalId, meta: meta.optional(), ratelimits: ratelimits.optional() }),
  output: z.strictObject({ identityId: z.string() }),
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
    const { caller, tx, audit, newId, nowMs, limits, note } = context;
    const given = givenRatelimits(input.ratelimits ?? [], limits);
    const id = await insertIdentity(tx, {
      id: newId("id"),
      workspaceId: caller.workspaceId,
      externalId: input.externalId,
      meta: metaText(input.meta ?? {}, limits, note),
      nowMs,
    });
    if (id === undefined) {
      throw new Failure("identity_already_exists", {
        detail: `An identity with the external id ${JSON.stringify(input.externalId)} exists already.`,
      });
    }
    audit("identity.create", id);
    await replaceRatelimits(context, id, [], given);
    return { identityId: id };
  },
});
