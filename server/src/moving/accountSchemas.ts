import { z } from "zod";
import { periodUnits, timeZoneNamed } from "../domain/periods.ts";
import { maxUnits, quotaName } from "../operations/shared/quotas.ts";
import { lastInstantMs, storedId, text } from "../operations/shared/values.ts";

export const instant = z.int().min(0).max(lastInstantMs);

export const units = z.int().min(0).max(maxUnits);

/** Counts that only grow. */
const counter = z.int().min(0);

const knownTimeZones = new Set<string>();

/** A look-up of a time zone takes as long as the rest of a record. */
function isTimeZone(name: string): boolean {
  if (knownTimeZones.has(name)) return true;
  if (timeZoneNamed(name) === undefined) return false;
  knownTimeZones.add(name);
  return true;
}

export const timeZone = text(1, 64).refine(isTimeZone, "is not the IANA name of a time zone");

const grant = z.strictObject({
  id: storedId.describe("The grant's id."),
  amount: units.describe("The units that were granted."),
  left: units.describe("The units that are left."),
  expiresAtMs: instant.nullable().default(null).describe("When the grant expires; omitted: never."),
});

const quota = z.strictObject({
  name: quotaName.describe("Unique among the quotas of the key or identity."),
  limit: units.describe("The units that each period allows."),
  unit: z.enum(periodUnits).describe("The unit of the length of a period."),
  every: z.int().min(1).max(366).default(1).describe("The number of units in a period."),
  timeZone: timeZone.default("UTC").describe("The IANA name of the time zone that the periods follow."),
  anchor: z
    .union([z.enum(["calendar", "first_use"]), instant])
    .default("calendar")
    .describe("When periods begin."),
  rolloverMax: units.default(0).describe("The most unused units that the next period gets in addition."),
  overage: z
    .union([z.enum(["refuse", "allow"]), units])
    .default("refuse")
    .describe("How far use may go beyond the limit."),
  thresholds: z
    .array(z.int().min(1).max(1000))
    .max(20)
    .default([])
    .describe("Percentages of the limit, ascending."),
  autoApply: z.boolean().default(false).describe("Whether every verification costs a unit."),
  period: z
    .strictObject({
      startMs: z.int().describe("When it began."),
      endMs: z.int().describe("When it ends."),
    })
    .nullable()
    .default(null)
    .describe("The current period; omitted: no period has begun."),
  epoch: counter.default(0).describe("The number of resets so far."),
  used: units.default(0).describe("The units of the limit, and beyond it, that the period has used."),
  carried: units.default(0).describe("The units left from the previous period."),
  crossed: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe("The highest threshold that was crossed in the period."),
  grants: z.array(grant).max(100).default([]).describe("Units on top of the limit."),
  isRemoved: z
    .boolean()
    .default(false)
    .describe("Removed, but remembered while it has used units or grants."),
});

/** What a key or an identity can spend. */
export const balance = z
  .strictObject({
    remaining: units.nullable().default(null).describe("The credits left; omitted: unlimited."),
    refillAmount: units.nullable().default(null).describe("What a refill sets the credits to."),
    refillDay: z
      .int()
      .min(1)
      .max(31)
      .nullable()
      .default(null)
      .describe("The day of the month of the refill; omitted: daily."),
    nextRefillAtMs: instant.nullable().default(null).describe("When the next refill is due."),
    creditsEpoch: counter.default(0).describe("The number of refills and sets so far."),
    quotas: z.array(quota).max(100).nullable().default(null).describe("Use by period."),
    nextHoldExpiryMs: z
      .int()
      .nullable()
      .default(null)
      .describe("A time that is not later than the earliest expiry of the account's open holds."),
  })
  .refine(
    ({ refillAmount, nextRefillAtMs }) => (refillAmount === null) === (nextRefillAtMs === null),
    "has only one of refillAmount and nextRefillAtMs",
  );

const taken = z.strictObject({
  epoch: counter.describe("The owner's epoch when the units were taken."),
  parts: z
    .array(
      z.strictObject({
        from: z.union([z.enum(["carried", "limit"]), grant]).describe("`carried`, `limit`, or a grant."),
        units: units.describe("The units."),
      }),
    )
    .max(200)
    .describe("Where they were taken from."),
});

const onExpiry = z.enum(["release", "charge"]).describe("What happens to the units of an expired hold.");

const holdPart = z.strictObject({
  ownerId: storedId.describe("The owner: the `subjectId` of a key, or an identity."),
  quota: quotaName.nullable().default(null).describe("The quota; omitted: credits."),
  taken: taken.describe("The units, and where they were taken from."),
  units: units.describe("The number of units."),
  onExpiry,
  expiresAtMs: instant.describe("When the hold expires."),
});

export const hold = {
  keyId: storedId.nullable().default(null).describe("The key for which it was made."),
  apiId: storedId.nullable().default(null).describe("The key's api."),
  subjectId: storedId.nullable().default(null).describe("The key's `subjectId`."),
  identityId: storedId.nullable().default(null).describe("The identity."),
  quota: quotaName.nullable().default(null).describe("The quota; omitted: credits."),
  amount: units.describe("The units that are held."),
  onExpiry,
  createdAtMs: instant.describe("When it was created."),
  expiresAtMs: instant.describe("When it expires."),
  endedAtMs: instant.nullable().default(null).describe("When it was settled, released or expired."),
  outcome: z
    .strictObject({
      kind: z.enum(["settle", "release"]).describe("How it ended."),
      amount: units.describe("The units that were settled."),
      charged: units.describe("The units that were charged."),
      returned: units.describe("The units that were given back."),
      shortfall: units.describe("The units that should have been charged, but were not available."),
      isLate: z.boolean().describe("Whether it had expired before."),
    })
    .nullable()
    .default(null)
    .describe("How it ended; omitted: it is open or has expired."),
  requestId: storedId.nullable().default(null).describe("The request that made it."),
  tags: z
    .array(text(1, 512))
    .max(20)
    .nullable()
    .default(null)
    .describe("The tags of the request that made the hold, under which its usage is counted; omitted: none."),
  parts: z
    .array(holdPart)
    .max(2)
    .default([])
    .describe("What it has taken from each owner, while it is open."),
};
