import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { lockIdentity, setIdentityUpdated } from "../../storage/queries/identities.ts";
import {
  givenRatelimits,
  identity,
  identityAnswer,
  identityExample,
  identityRef,
  meta,
  metaText,
  ratelimits,
} from "../fields.ts";
import { replaceRatelimits } from "../parts.ts";

export const updateIdentity = operation({
  name: "identities.updateIdentity",
  summary: "Update an identity",
  description:
    "What is left away stays; `meta` replaces the whole object; `ratelimits` replaces the whole set, matched by name.",
  permission: "identity.<id>.update_identity",
  input: z.strictObject({ identity: identityRef, meta: meta.optional(), ratelimits: ratelimits.optional() }),
  output: identity,
  errors: ["identity_not_found"],
  example: { input: { identity: "user_123", meta: { plan: "pro" } }, output: identityExample },

  async transact(input, context) {
    const { caller, tx, audit, evict, nowMs, limits, note } = context;
    const given = input.ratelimits && givenRatelimits(input.ratelimits, limits);
    const newMeta = input.meta && metaText(input.meta, limits, note);
    const { workspaceId } = caller;
    const current = await lockIdentity(tx, workspaceId, input.identity);
    if (current === undefined || !may(caller, "identity", current.id, "update_identity")) {
      throw new Failure("identity_not_found");
    }
    if (given === undefined && newMeta === undefined) return identityAnswer(current);

    await setIdentityUpdated(tx, workspaceId, current.id, { meta: newMeta, nowMs });
    let stored = current.ratelimits;
    if (given !== undefined) {
      stored = await replaceRatelimits(context, current.id, current.ratelimits, given);
    }
    const fields = [newMeta === undefined ? [] : ["meta"], given === undefined ? [] : ["ratelimits"]].flat();
    audit("identity.update", current.id, fields);
    evict(current.id);
    return identityAnswer({ ...current, meta: input.meta ?? current.meta, ratelimits: stored });
  },
});
