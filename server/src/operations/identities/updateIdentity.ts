import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { identityResponse } from "../../domain/identityResponse.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { lockIdentity, setIdentityUpdated } from "../../storage/queries/identities.ts";
import { identityAccount, updateAccountOf } from "../shared/accounts.ts";
import { changedFields } from "../shared/changes.ts";
import { creditsChange } from "../shared/credits.ts";
import { identity, identityExample, identityRef } from "../shared/identities.ts";
import { meta, metaText } from "../shared/meta.ts";
import { quotas } from "../shared/quotas.ts";
import { parseRatelimits, ratelimits, replaceRatelimits } from "../shared/ratelimits.ts";

export const updateIdentity = operation({
  name: "identities.updateIdentity",
  summary: "Update an identity",
  description:
    "An omitted field stays unchanged. `meta` replaces the whole object. `ratelimits` and `quotas` replace the whole set, matched by name.",
  permission: "identity.<id>.update_identity",
  input: z.strictObject({
    identity: identityRef,
    meta: meta.optional().describe(`Replaces all of the metadata. \`{}\` clears it. ${meta.description}`),
    ratelimits: ratelimits
      .optional()
      .describe(
        "Replaces all rate limits of the identity, matched by name: a limit whose name stays keeps its id. `[]` removes them all.",
      ),
    credits: creditsChange
      .nullable()
      .optional()
      .describe("Changes the credits that the identity's keys share. null: unlimited, without a refill."),
    quotas: quotas
      .optional()
      .describe(
        "Replaces all quotas of the identity, matched by name: a quota whose name stays keeps what it has used. `[]` removes them all. A quota that is removed and added again within its period is not reset, unless `restart` is true.",
      ),
  }),
  output: identity,
  errors: ["identity_not_found"],
  example: { input: { identity: "user_123", meta: { plan: "pro" } }, output: identityExample },

  async transact(input, context) {
    const { caller, tx, audit, evict, now, limits, note } = context;
    const requested = input.ratelimits && parseRatelimits(input.ratelimits, limits);
    const newMeta = input.meta && metaText(input.meta, limits, note);
    const { workspaceId } = caller;
    const current = await lockIdentity(tx, workspaceId, input.identity);
    if (current === undefined || !may(caller, "identity", current.id, "update_identity")) {
      throw new Failure("identity_not_found");
    }
    const fields = changedFields(input, "identity");
    const account = (of: { id: string; hasAccount: boolean }) =>
      identityAccount({ db: tx, nowMs: now() }, workspaceId, of);
    if (fields.length === 0) return { ...identityResponse(current), ...(await account(current)) };
    await setIdentityUpdated(tx, workspaceId, current.id, { meta: newMeta, nowMs: now() });
    let stored = current.ratelimits;
    if (requested !== undefined) {
      stored = await replaceRatelimits(context, current.id, current.ratelimits, requested);
    }
    const isSet = await updateAccountOf(context, { workspaceId, id: current.id, kind: "identity" }, input);
    audit("identity.update", current.id, fields);
    evict(current.id);
    const changed = { ...current, meta: input.meta ?? current.meta, ratelimits: stored };
    const hasAccount = isSet || current.hasAccount;
    return { ...identityResponse(changed), ...(await account({ id: current.id, hasAccount })) };
  },
});
