import { z } from "zod";
import type { Credits } from "../../domain/accounts.ts";
import { type Failure, invalid } from "../../errors/failure.ts";
import { amount } from "./values.ts";

const refillInterval = z
  .enum(["daily", "monthly"])
  .describe("How often the balance is refilled, at 00:00 UTC: every day, or once a month.");

const refillAmount = z
  .int()
  .min(1)
  .describe("The number of credits that a refill sets the balance to. Credits that are left are lost.");

const refillDay = z
  .int()
  .min(1)
  .max(31)
  .describe("The day of the month of a monthly refill. In a month without this day, its last day.");

/** A refill as a request describes it. */
export const refill = z
  .strictObject({
    interval: refillInterval,
    amount: refillAmount,
    refillDay: refillDay
      .optional()
      .describe(`${refillDay.description} If omitted, the first day. Send it only for a monthly refill.`),
  })
  .describe("Sets the balance to `amount` every day or every month. Unlimited credits cannot have a refill.");

export type Refill = z.output<typeof refill>;

/** The balance that a request sets. */
const remaining = z.int().min(0).describe("The number of credits that verifications may still spend.");

/** Credits as a request describes them. */
export const credits = z.strictObject({
  remaining: remaining.nullable().describe(`${remaining.description} null: unlimited.`),
  refill: refill.optional(),
});

/** Credits as an update describes them. */
export const creditsChange = z.strictObject({
  remaining: remaining
    .nullable()
    .optional()
    .describe(`${remaining.description} null: unlimited, without a refill. Omitted: unchanged.`),
  refill: refill
    .nullable()
    .optional()
    .describe(`${refill.description} null removes the refill. Omitted: unchanged.`),
});

export type CreditsChange = z.output<typeof creditsChange> | null | undefined;

const storedRefill = z.strictObject({
  interval: refillInterval,
  amount: refillAmount,
  refillDay: refillDay.optional(),
});

/** The credits of a key or an identity, in a response. `remaining: null` is unlimited. */
export const storedCredits = z.strictObject({
  remaining: amount
    .nullable()
    .describe("The number of credits that verifications may still spend. null: unlimited."),
  refill: storedRefill
    .optional()
    .describe("When the balance is refilled, and to what. Omitted if it is never refilled."),
});

/** The credits as responses show them. `undefined` stands for unlimited credits. */
export function creditsResponse(credits: Credits | undefined): z.input<typeof storedCredits> {
  if (credits === undefined) return { remaining: null };
  const { remaining, refill } = credits;
  if (refill === undefined) return { remaining };
  const { amount, day } = refill;
  return day === undefined
    ? { remaining, refill: { interval: "daily", amount } }
    : { remaining, refill: { interval: "monthly", amount, refillDay: day } };
}

/** Converts a refill to its stored form: `day` is its day of the month, or undefined if it is daily. */
function parseRefill({ interval, amount, refillDay = 1 }: Refill): NonNullable<Credits["refill"]> {
  return { amount, day: interval === "monthly" ? refillDay : undefined };
}

/**
 * Converts the credits in the request for a new key or identity. `undefined` is unlimited.
 * Errors: `invalid_input` for a refill of unlimited credits.
 */
export function parseCredits(
  requested: z.output<typeof credits> | undefined,
  location = "body.credits",
): Credits | undefined {
  if (requested === undefined) return undefined;
  if (requested.remaining === null && requested.refill !== undefined) throw refillOfUnlimited(location);
  if (requested.remaining === null) return undefined;
  return { remaining: requested.remaining, refill: requested.refill && parseRefill(requested.refill) };
}

/** The 400 for a refill of unlimited credits. */
function refillOfUnlimited(location: string): Failure {
  return invalid(
    `${location}.refill`,
    "refills credits that are unlimited",
    "set `remaining` to a number, or omit `refill`",
  );
}

/**
 * The credits after the change, or `undefined` for unlimited credits.
 * Errors: `invalid_input` for a refill of unlimited credits, or for a daily refill with a `refillDay`.
 */
export function changedCredits(
  current: Credits | undefined,
  change: NonNullable<CreditsChange> | null,
): Credits | undefined {
  if (change === null) return undefined;
  const { remaining = current?.remaining ?? null, refill: newRefill } = change;
  if (newRefill?.interval === "daily" && newRefill.refillDay !== undefined) {
    const fix = "omit it, or set `interval` to monthly";
    throw invalid("body.credits.refill.refillDay", "is set for a daily refill", fix);
  }
  if (remaining === null && newRefill) throw refillOfUnlimited("body.credits");
  if (remaining === null) return undefined;
  if (newRefill === undefined) return { remaining, refill: current?.refill };
  return { remaining, refill: newRefill === null ? undefined : parseRefill(newRefill) };
}
