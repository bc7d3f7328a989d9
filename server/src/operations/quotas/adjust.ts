import { z } from "zod";
import { invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { addMovement, changeAccount, lockOwner, ownerFields } from "../shared/accounts.ts";
import { withQuota } from "../shared/quotaChanges.ts";
import { maxUnits, quotaName, quotaResponse, storedQuota, storedQuotaExample } from "../shared/quotas.ts";
import { text } from "../shared/values.ts";

export const adjust = operation({
  name: "quotas.adjust",
  summary: "Correct what a quota has used",
  description:
    "Sets how many units the current period has used, or changes this number. The `used` that you send is final: units of this period that open reservations hold are not given back to it later. Units that they hold from grants are still given back.",
  permission: "identity.<id>.update_identity",
  orPermission: "api.<id>.update_key",
  input: z.strictObject({
    ...ownerFields,
    name: quotaName,
    used: z
      .int()
      .min(0)
      .max(maxUnits)
      .optional()
      .describe("The new number of units of the quota used in this period, within the limit and as overage."),
    change: z
      .int()
      .min(-maxUnits)
      .max(maxUnits)
      .optional()
      .describe(
        "The number to add to the used units. A negative number gives units back. The sum never falls below 0.",
      ),
    reason: text(1, 512).optional().describe("Why, as text for the ledger."),
  }),
  output: storedQuota,
  errors: ["identity_not_found", "key_not_found", "precondition_failed"],
  example: {
    input: { identity: "user_123", name: "requests", change: -100, reason: "failed requests" },
    output: { ...storedQuotaExample, used: 1100, remaining: 98_900 },
  },

  async transact(input, context) {
    const { name, used, change, reason } = input;
    if ((used === undefined) === (change === undefined)) {
      throw invalid("body", "does not say how to adjust the quota", "send either used or change");
    }
    const owner = await lockOwner(context, input);
    const after = await changeAccount(context, owner, (account, book) => {
      const changed = withQuota(account, name, (quota) =>
        used === undefined
          ? { ...quota, used: changedUse(quota.used, change ?? 0) }
          : { ...quota, used, epoch: quota.epoch + 1 },
      );
      addMovement(context, book, changed.account, {
        kind: "adjust",
        quota: name,
        amount: used ?? change ?? 0,
        reason,
      });
      return changed.account;
    });
    context.audit(`${owner.kind}.update`, owner.targetId, ["quotas"]);
    return quotaResponse(withQuota(after, name, (quota) => quota).quota);
  },
});

/** Errors: `invalid_input` if the sum is too large. */
function changedUse(used: number, change: number): number {
  const sum = used + change;
  if (sum > Number.MAX_SAFE_INTEGER) {
    throw invalid("body.change", "makes the use larger than 2^53 - 1", "add less");
  }
  return Math.max(0, sum);
}
