import { z } from "zod";
import { invalid } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { type Credits, lockBalance, setBalance } from "../../storage/queries/balances.ts";
import { keyId } from "../fields.ts";
import { creditsAnswer, storedCredits } from "../keyAnswer.ts";
import { evictKey, lockPermittedKey } from "../parts.ts";

const input = z.strictObject({
  keyId,
  operation: z.enum(["set", "increment", "decrement"]),
  value: z.int().min(0).nullable().optional().describe("null or left away, with `set`: unlimited."),
});

export const updateCredits = operation({
  name: "keys.updateCredits",
  summary: "Set, add or take credits",
  description: "Changes the one balance that a key and those it was rerolled to share.",
  permission: "api.<id>.update_key",
  input,
  output: storedCredits,
  errors: ["key_not_found"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", operation: "increment", value: 100 },
    output: { remaining: 142 },
  },

  async transact(input, context) {
    const { tx, audit, nowMs } = context;
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const changed = changedCredits(input, await lockBalance(tx, key, nowMs));
    await setBalance(tx, key, changed, nowMs);
    audit("key.update", key.id, ["credits"]);
    evictKey(context, key);
    return creditsAnswer(changed);
  },
});

/**
 * The balance after the change; undefined: unlimited. Taking more than there is leaves 0.
 * Errors: `invalid_input` for an amount that is missing, or where there is nothing to add to or take from.
 */
function changedCredits(change: z.output<typeof input>, current: Credits | undefined): Credits | undefined {
  const { operation, value } = change;
  if (operation === "set" && (value === null || value === undefined)) return undefined;
  if (value === null || value === undefined) {
    throw invalid("body.value", `is missing, and ${operation} needs an amount`, "give a whole number");
  }
  if (operation === "set") return { remaining: value, refill: current?.refill };
  if (current === undefined) {
    throw invalid("body.operation", "changes credits that are unlimited", "use set first");
  }
  const sum = operation === "increment" ? current.remaining + value : Math.max(0, current.remaining - value);
  if (sum > Number.MAX_SAFE_INTEGER) {
    throw invalid("body.value", "makes the balance larger than 2^53 - 1", "add less");
  }
  return { ...current, remaining: sum };
}
