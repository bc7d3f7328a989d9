import { z } from "zod";
import { byEnd, grantedUnits } from "../../domain/quotas.ts";
import { invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { addMovement, changeAccount, lockOwner, ownerFields } from "../shared/accounts.ts";
import { bounds, refuseAbove } from "../shared/bounds.ts";
import { withQuota } from "../shared/quotaChanges.ts";
import { maxUnits, quotaName, quotaResponse, storedQuota, storedQuotaExample } from "../shared/quotas.ts";
import { instant, text } from "../shared/values.ts";

export const grant = operation({
  name: "quotas.grant",
  summary: "Grant units on top of a quota",
  description:
    "Units that end soonest are spent first: grants that expire before the period ends, then the period's own units, then other grants in the order of their expiry. Unspent units of an expired grant are lost.",
  permission: "identity.<id>.update_identity",
  orPermission: "api.<id>.update_key",
  input: z.strictObject({
    ...ownerFields,
    name: quotaName,
    amount: z.int().min(1).max(maxUnits).describe("The units to grant."),
    expires: instant
      .optional()
      .describe("When the grant expires. Unix time in milliseconds. If omitted, the grant never expires."),
    reason: text(1, 512).optional().describe("Why, as text for the ledger."),
  }),
  output: storedQuota,
  errors: ["identity_not_found", "key_not_found", "precondition_failed", "bound_exceeded"],
  example: {
    input: { identity: "user_123", name: "requests", amount: 5000, reason: "order 4711" },
    output: {
      ...storedQuotaExample,
      remaining: 103_800,
      grants: [{ id: "grant_0Ck3vDbnXhq2Tn6Yp1Zs4a", amount: 5000, remaining: 5000 }],
    },
  },

  async transact(input, context) {
    const { audit, newId } = context;
    const { name, amount, expires = null, reason } = input;
    const owner = await lockOwner(context, input);
    const id = newId("grant");
    const after = await changeAccount(context, owner, (account, book) => {
      if (expires !== null && expires <= book.nowMs) {
        throw invalid(
          "body.expires",
          "is not in the future",
          "send a later time in milliseconds, or omit it",
        );
      }
      const changed = withQuota(account, name, (quota) => {
        refuseAbove(bounds.grantsPerQuota, "unspent grants of a quota", quota.grants.length + 1, 1);
        if (grantedUnits(quota) + amount > maxUnits) {
          throw invalid(
            "body.amount",
            `would make more than ${maxUnits} unspent units in all grants of the quota`,
            "grant less",
          );
        }
        const grants = [...quota.grants, { id, amount, left: amount, expiresAtMs: expires }];
        return { ...quota, grants: grants.sort(byEnd) };
      });
      addMovement(context, book, changed.account, { kind: "grant", quota: name, amount, reason });
      return changed.account;
    });
    audit(`${owner.kind}.update`, owner.targetId, ["quotas"]);
    return quotaResponse(withQuota(after, name, (quota) => quota).quota);
  },
});
