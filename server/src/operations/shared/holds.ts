import { z } from "zod";
import { type Caller, may, mayAll } from "../../domain/caller.ts";
import { settlementEvent } from "../../domain/usage.ts";
import { Failure } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import { findHold } from "../../storage/queries/holds.ts";
import { type HoldEnd, type HoldOutcome, settleHold } from "../../storage/queries/settling.ts";
import { maxUnits } from "./quotas.ts";
import { amount, instant, storedId } from "./values.ts";

const maxTtlMs = 86_400_000;

export const reserve = z
  .int()
  .min(1)
  .max(maxUnits)
  .describe(
    "The units to hold. They are taken now. Units that are not used come back when the hold is settled.",
  );

export const ttl = z
  .int()
  .min(1000)
  .max(maxTtlMs)
  .describe("How long the units are held, in milliseconds: from one second to one day.");

export const onExpiry = z
  .enum(["release", "charge"])
  .describe(
    "What happens to the units of a hold that expires before it is settled: they are given back, or charged in full.",
  );

export const reservation = z.strictObject({
  id: storedId.describe("The hold's id, for `credits.settle` or `credits.release`."),
  amount: amount.describe("The units that are held."),
  expiresAt: instant.describe("When the hold expires. Unix time in milliseconds."),
});

export const reservationId = z
  .string()
  .min(1)
  .max(255)
  .describe("The `reservation.id` that `keys.verifyKey` or `credits.reserve` returned.");

export const settlement = z.strictObject({
  charged: amount.describe("The units that were charged."),
  returned: amount.describe("The units of the hold that were given back, because they were not charged."),
  shortfall: amount.describe("The units that should have been charged, but were not available."),
  late: z
    .boolean()
    .optional()
    .describe(
      "true: the hold had expired and its units had been given back, so the amount was charged anew. Omitted otherwise.",
    ),
});

export function settlementResponse(outcome: HoldOutcome): z.input<typeof settlement> {
  const { charged, returned, shortfall, isLate } = outcome;
  return { charged, returned, shortfall, ...(isLate ? { late: true } : {}) };
}

/**
 * Settles or releases a hold. This is not audited, since the account's ledger records it. The call is safe to repeat.
 * Errors: `reservation_not_found`, also if the caller may not see the hold; `reservation_ended` if the hold has already
 * ended with a different result, such as another amount.
 */
export async function endReservation(context: RunContext, id: string, end: HoldEnd): Promise<HoldOutcome> {
  const { caller, db, now, newId, inTransaction, usage, nowMs, requestId } = context;
  const { workspaceId } = caller;
  const hold = await findHold(db, workspaceId, id);
  if (hold === undefined || !mayVerify(caller, hold.apiId)) throw new Failure("reservation_not_found");
  const by = { now, newId: () => newId("mov"), actorId: caller.rootKeyId };
  const ended = await inTransaction(({ tx }) => settleHold(tx, hold, end, by));
  if (ended === undefined) throw new Failure("reservation_not_found");
  if (ended === "ended_otherwise") throw new Failure("reservation_ended");
  const { outcome, spent } = ended;
  if (spent > 0) usage.record(settlementEvent(hold, { atMs: nowMs, requestId, credits: spent }));
  return outcome;
}

/**
 * Whether the caller may hold and settle units of keys in this api. null stands for an identity: its keys may be in any
 * api, so the caller needs the permission for all apis.
 */
export function mayVerify(caller: Caller, apiId: string | null): boolean {
  return apiId === null ? mayAll(caller, "api", "verify_key") : may(caller, "api", apiId, "verify_key");
}
