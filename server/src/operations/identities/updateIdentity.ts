import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { diffRatelimits, type RatelimitDiff } from "../../domain/ratelimits.ts";
import { Failure } from "../../errors.ts";
import { type Audit, operation } from "../../operation.ts";
import { lockIdentity, setIdentityUpdated } from "../../storage/queries/identities.ts";
import { applyRatelimitDiff } from "../../storage/queries/ratelimits.ts";
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

  async transact(input, { caller, tx, audit, evict, newId, nowMs, limits, note }) {
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
      const diff = diffRatelimits(current.ratelimits, given);
      stored = await applyRatelimitDiff(tx, workspaceId, current.id, diff, () => newId("rl"));
      auditRatelimits(audit, diff, stored);
    }
    const fields = [newMeta === undefined ? [] : ["meta"], given === undefined ? [] : ["ratelimits"]].flat();
    audit("identity.update", current.id, fields);
    evict(current.id);
    return identityAnswer({ ...current, meta: input.meta ?? current.meta, ratelimits: stored });
  },
});

function auditRatelimits(audit: Audit, diff: RatelimitDiff, stored: readonly { id: string }[]): void {
  for (const [index, { existing }] of diff.set.entries()) {
    audit(existing === undefined ? "ratelimit.create" : "ratelimit.update", stored[index]?.id ?? "");
  }
  for (const { id } of diff.removed) audit("ratelimit.delete", id);
}
