import { z } from "zod";
import { periodUnits, timeZoneNamed } from "../domain/periods.ts";
import { maxUnits, quotaName } from "../operations/shared/quotas.ts";
import { lastInstantMs, storedId, text } from "../operations/shared/values.ts";

export const instant = z.int().min(0).max(lastInstantMs);

export const units = z.int().min(0).max(maxUnits);

/** A number that only grows. */
const counter = z.int().min(0);

const knownTimeZones = new Set<string>();

/** Remembers the names of time zones, because looking up a name takes as long as validating the rest of a record. */
function isTimeZone(name: string): boolean {
  if (knownTimeZones.has(name)) return true;
  if (timeZoneNamed(name) === undefined) return false;
  knownTimeZones.add(name);
  return true;
}

export const timeZone = text(1, 64).refine(
  isTimeZone,
  "is not the IANA name of a time zone: use a name such as Europe/Berlin",
);

const grant = z.strictObject({
  id: storedId.describe("The grant's id."),
  amount: units.describe("The units that were granted."),
  left: units.describe("The units that are left."),
  expiresAtMs: instant.nullable().default(null).describe("When the grant expires. Omitted: never."),
});

const quota = z.strictObject({
  name: quotaName.describe("Unique among the quotas of the key or identity."),
  limit: units.describe("The units that each period allows."),
  unit: z.enum(periodUnits).describe("The unit of the length of a period."),
  every: z.int().min(1).max(366).default(1).describe("The number of units in a period."),
  timeZone: timeZone.default("UTC").describe("The IANA name of the time zone that the periods follow."),
  anchor: z
    .union(
      [z.enum(["calendar", "first_use"]), instant],
      "must be calendar, first_use or a time in Unix milliseconds",
    )
    .default("calendar")
    .describe("When periods begin: with the calendar, with the first use, or at this time."),
  rolloverMax: units
    .default(0)
    .describe("At most this many unused units are carried over to the next period."),
  overage: z
    .union([z.enum(["refuse", "allow"]), units], "must be refuse, allow or a number of units")
    .default("refuse")
    .describe(
      "What happens beyond the limit: uses are refused, or allowed, or allowed up to this total of used units.",
    ),
  thresholds: z
    .array(z.int().min(1).max(1000))
    .max(20)
    .default([])
    .describe(
      "Percentages of the limit, ascending. When the used units reach a percentage, the ledger records this as a movement.",
    ),
  autoApply: z.boolean().default(false).describe("Whether every verification spends one unit."),
  period: z
    .strictObject({
      startMs: z.int().describe("When the period began."),
      endMs: z.int().describe("When the period ends."),
    })
    .nullable()
    .default(null)
    .describe("The current period. Omitted: no period has begun."),
  epoch: counter
    .default(0)
    .describe(
      "A number that each reset of the quota increments. A hold gives units back to the limit only if the number has not changed.",
    ),
  used: units.default(0).describe("The units used in the period, without those of grants and of `carried`."),
  carried: units
    .default(0)
    .describe("The units that were carried over from the previous period and are left."),
  crossed: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe("The highest threshold that was reached in the period, in percent. 0: none."),
  grants: z.array(grant).max(100).default([]).describe("The quota's grants: units on top of the limit."),
  isRemoved: z
    .boolean()
    .default(false)
    .describe(
      "Whether the quota was removed. It stays stored while units are used in its period, or while it has grants.",
    ),
});

/** What a key or an identity can spend. */
export const balance = z
  .strictObject({
    remaining: units.nullable().default(null).describe("The credits left. Omitted: unlimited."),
    refillAmount: units.nullable().default(null).describe("What a refill sets the credits to."),
    refillDay: z
      .int()
      .min(1)
      .max(31)
      .nullable()
      .default(null)
      .describe("The day of the month on which credits are refilled. Omitted: they are refilled daily."),
    nextRefillAtMs: instant.nullable().default(null).describe("When the next refill is due."),
    creditsEpoch: counter.default(0).describe("How often the credits were refilled or set."),
    quotas: z
      .array(quota)
      .max(100)
      .nullable()
      .default(null)
      .describe("The quotas and how much of them is used."),
    nextHoldExpiryMs: z
      .int()
      .nullable()
      .default(null)
      .describe("A time at or before the earliest expiry of the open holds of this key or identity."),
  })
  .refine(
    ({ refillAmount, nextRefillAtMs }) => (refillAmount === null) === (nextRefillAtMs === null),
    "has only one of refillAmount and nextRefillAtMs: set both, or omit both",
  );

const taken = z.strictObject({
  epoch: counter.describe("The `epoch` of the quota, or `creditsEpoch`, when the units were taken."),
  parts: z
    .array(
      z.strictObject({
        from: z
          .union([z.enum(["carried", "limit"]), grant], "must be carried, limit or a grant")
          .describe("What the units were taken from: `carried`, `limit`, or a grant."),
        units: units.describe("The number of units."),
      }),
    )
    .max(200)
    .describe("The units of the hold, divided by what they were taken from."),
});

const onExpiry = z
  .enum(["release", "charge"])
  .describe("What happens to the units when the hold expires: they are given back or charged.");

const holdPart = z.strictObject({
  ownerId: storedId.describe("The owner of the units: the `subjectId` of a key, or the id of an identity."),
  quota: quotaName.nullable().default(null).describe("The name of the quota. Omitted: credits."),
  taken: taken.describe("The units, and what they were taken from."),
  units: units.describe("The number of units."),
  onExpiry,
  expiresAtMs: instant.describe("When the hold expires."),
});

export const hold = {
  keyId: storedId.nullable().default(null).describe("The id of the key for which the hold was created."),
  apiId: storedId.nullable().default(null).describe("The id of the key's api."),
  subjectId: storedId.nullable().default(null).describe("The key's `subjectId`."),
  identityId: storedId
    .nullable()
    .default(null)
    .describe("The id of the identity for which the hold was created."),
  quota: quotaName.nullable().default(null).describe("The name of the quota. Omitted: credits."),
  amount: units.describe("The number of reserved units."),
  onExpiry,
  createdAtMs: instant.describe("When the hold was created."),
  expiresAtMs: instant.describe("When the hold expires."),
  endedAtMs: instant.nullable().default(null).describe("When the hold was settled or released, or expired."),
  outcome: z
    .strictObject({
      kind: z.enum(["settle", "release"]).describe("Whether the hold was settled or released."),
      amount: units.describe("The units that were settled."),
      charged: units.describe("The units that were charged."),
      returned: units.describe("The units that were given back."),
      shortfall: units.describe("The units that should have been charged but were not available."),
      isLate: z.boolean().describe("Whether the hold had already expired when it was settled or released."),
    })
    .nullable()
    .default(null)
    .describe("How the hold ended. Omitted: the hold is open or has expired."),
  requestId: storedId.nullable().default(null).describe("The id of the request that created the hold."),
  tags: z
    .array(text(1, 512))
    .max(20)
    .nullable()
    .default(null)
    .describe(
      "The tags of the request that created the hold. The usage of the hold is counted under these tags. Omitted: none.",
    ),
  parts: z
    .array(holdPart)
    .max(2)
    .default([])
    .describe("The units that an open hold has taken from each key or identity."),
};
