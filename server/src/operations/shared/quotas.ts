import { z } from "zod";
import { type QuotaUse, replaceQuotas } from "../../domain/accounts.ts";
import { closest } from "../../domain/closest.ts";
import { periodUnits, timeZoneNamed } from "../../domain/periods.ts";
import { type Quota, type QuotaRule, remainingOf } from "../../domain/quotas.ts";
import { invalid } from "../../errors/failure.ts";
import type { TransactContext } from "../../operation.ts";
import { findTimeZone } from "../../storage/queries/workspaces.ts";
import { refuseRepeatedNames } from "./ratelimits.ts";
import { amount, instant, storedId, text } from "./values.ts";

/** The most units that a quota, a grant or a hold may have. */
export const maxUnits = 1_000_000_000_000_000;

export const quotaName = text(3, 128).describe(
  "The name by which a verification names the quota, such as `requests`. Unique among the quotas of the key or identity.",
);

const units = z.int().min(0).max(maxUnits);

const rollover = z
  .strictObject({
    max: units.describe(
      "The maximum number of unused units of the limit that are carried to the next period.",
    ),
  })
  .describe(
    "Carries unused units to the next period. Carried units, grants and overage are never carried again. If omitted, nothing is carried.",
  );

const overage = z
  .union([z.enum(["refuse", "allow"]), units])
  .describe(
    "What happens beyond the limit. `refuse`: the verification returns `USAGE_EXCEEDED`. `allow`: the verification passes, and its units are counted. A number above the limit: verifications pass until a period has used that many units in all.",
  );

const anchor = z
  .union([z.enum(["calendar", "first_use"]), instant])
  .describe(
    "When periods begin. `calendar`: at 00:00 in the time zone, weeks on Monday. `first_use`: with the first cost above 0 after the previous period has ended. A Unix time in milliseconds: a period begins at this instant, such as on a billing day.",
  );

const thresholds = z
  .array(z.int().min(1).max(1000))
  .max(20)
  .describe(
    "Percentages of the limit, ascending. The first verification in a period that reaches a threshold says so in `crossed`, and the ledger records it.",
  );

const ruleFields = {
  name: quotaName,
  limit: units.describe("The units that each period allows. 0: only grants can be spent."),
  period: z.enum(periodUnits).describe("The unit in which `every` counts the length of a period."),
  every: z
    .int()
    .min(1)
    .max(366)
    .describe("The length of a period in units of `period`, such as 3 with `month` for a quarter."),
};

const autoApply = z
  .boolean()
  .describe(
    "true: every verification uses one unit, unless it names the quota with another cost. false: only a verification that names the quota uses it.",
  );

const quota = z.strictObject({
  ...ruleFields,
  every: ruleFields.every.default(1),
  timeZone: text(1, 64)
    .optional()
    .describe(
      "An IANA name, such as `Europe/Berlin`. Offsets such as `+02:00` are refused, because they have no summer time. Default: the workspace's time zone.",
    ),
  anchor: anchor.default("calendar"),
  rollover: rollover.optional(),
  overage: overage.default("refuse"),
  thresholds: thresholds.default([]),
  autoApply: autoApply.default(false),
  restart: z
    .boolean()
    .default(false)
    .describe(
      "true: a quota of this name that exists already begins anew, with nothing used and nothing carried.",
    ),
});

export const quotas = z
  .array(quota)
  .max(50)
  .check(refuseRepeatedNames)
  .describe(
    "Quotas with different names: how many units may be used in each hour, day, week, month or year. A rate limit may have the same name as a quota; they are independent.",
  );

export type RequestedQuotas = z.output<typeof quotas>;

const resetsAt = instant
  .optional()
  .describe(
    "When the next period begins. Unix time in milliseconds. Omitted if no period has begun: with the anchor `first_use`, the first use begins it.",
  );

export const used = amount.describe(
  "The units of the quota used or held in this period, within the limit and as overage. Carried and granted units are not included.",
);
export const remaining = amount.describe(
  "The units left: of the limit, carried from the previous period, and granted. Overage and held units are not included.",
);

/** A stored quota, with its current use. */
export const storedQuota = z.strictObject({
  ...ruleFields,
  timeZone: text(1, 64).describe("The IANA name of the time zone that the periods follow."),
  anchor,
  rollover: rollover.optional(),
  overage,
  thresholds,
  autoApply,
  used,
  remaining,
  resetsAt,
  grants: z
    .array(
      z.strictObject({
        id: storedId.describe("The grant's id."),
        amount: amount.describe("The units that were granted."),
        remaining: amount.describe("The units of the grant that are left. Held units are not included."),
        expires: instant
          .optional()
          .describe("When the grant expires. Unix time in milliseconds. Omitted if it never expires."),
      }),
    )
    .max(100)
    .optional()
    .describe(
      "Units on top of the limit, in the order in which they expire. Omitted if no units were granted.",
    ),
});

export const storedQuotaExample: z.input<typeof storedQuota> = {
  name: "requests",
  limit: 100_000,
  period: "month",
  every: 1,
  timeZone: "Europe/Berlin",
  anchor: "calendar",
  overage: "refuse",
  thresholds: [80, 100],
  autoApply: true,
  used: 1200,
  remaining: 98_800,
  resetsAt: 1_767_225_600_000,
};

export function quotaResponse(stored: Quota): z.input<typeof storedQuota> {
  const { name, limit, unit, every, timeZone, anchor, rolloverMax, overage, thresholds, autoApply } = stored;
  const grants = stored.grants.map(({ id, amount, left, expiresAtMs }) => ({
    id,
    amount,
    remaining: left,
    expires: expiresAtMs ?? undefined,
  }));
  return {
    name,
    limit,
    period: unit,
    every,
    timeZone,
    anchor,
    overage,
    autoApply,
    thresholds: [...thresholds],
    rollover: rolloverMax > 0 ? { max: rolloverMax } : undefined,
    used: stored.used,
    remaining: remainingOf(stored),
    resetsAt: stored.period?.endMs,
    grants: grants.length > 0 ? grants : undefined,
  };
}

/** A quota in the response to a verification. */
export const usedQuota = z.strictObject({
  name: quotaName,
  owner: z
    .enum(["key", "identity"])
    .describe("Whose quota it is. If both have a quota of this name, both must suffice."),
  limit: ruleFields.limit,
  used,
  remaining,
  resetsAt,
  exceeded: z.boolean().describe("Whether this quota refused the verification."),
  crossed: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      "The highest threshold, in percent of the limit, that this verification was the first to reach.",
    ),
});

export function usedQuotaResponse({ resetsAtMs, ...use }: QuotaUse): z.input<typeof usedQuota> {
  return { ...use, resetsAt: resetsAtMs };
}

/**
 * Validates the quotas of a request. `timeZone` applies to quotas that name no time zone.
 * Errors: `invalid_input` for an unknown time zone, thresholds out of order, an overage that is not above the limit, or
 * a period of more than 24 hours in the unit `hour`.
 */
export function parseQuotas(items: RequestedQuotas, timeZone: string, location = "body.quotas"): QuotaRule[] {
  return items.map((item, index) => {
    const place = `${location}[${index}]`;
    refuseContradictions(item, place);
    return {
      name: item.name,
      limit: item.limit,
      unit: item.period,
      every: item.every,
      timeZone: item.timeZone === undefined ? timeZone : parseTimeZone(item.timeZone, `${place}.timeZone`),
      anchor: item.anchor,
      rolloverMax: item.rollover?.max ?? 0,
      overage: item.overage,
      thresholds: item.thresholds,
      autoApply: item.autoApply,
    };
  });
}

function refuseContradictions(
  { period, every, overage, limit, thresholds }: RequestedQuotas[number],
  place: string,
): void {
  if (period === "hour" && every > 24) {
    throw invalid(`${place}.every`, "makes periods of more than 24 hours", "use the period `day`");
  }
  if (typeof overage === "number" && overage <= limit) {
    const fix = "send the highest total use in a period, `refuse` or `allow`";
    throw invalid(`${place}.overage`, `is not above the limit of ${limit}`, fix);
  }
  const outOfOrder = thresholds.findIndex((percent, index) => percent <= (thresholds[index - 1] ?? 0));
  if (outOfOrder !== -1) {
    throw invalid(
      `${place}.thresholds[${outOfOrder}]`,
      "is not above the threshold before it",
      "sort the thresholds, each once",
    );
  }
}

/** Errors: `invalid_input` for a name that is not in the IANA database. The message suggests the closest name. */
function parseTimeZone(name: string, location: string): string {
  const known = timeZoneNamed(name);
  if (known !== undefined) return known;
  const similar = closest(name, Intl.supportedValuesOf("timeZone"));
  const fix =
    similar === undefined ? "send a name such as `Europe/Berlin` or `UTC`" : `did you mean "${similar}"?`;
  throw invalid(location, "is not the IANA name of a time zone", fix);
}

/** The quotas of a new key or identity. Errors: those of `parseQuotas`. */
export async function newQuotas(
  { tx, caller, now }: TransactContext,
  requested: RequestedQuotas,
  location?: string,
): Promise<Quota[]> {
  if (requested.length === 0) return [];
  const rules = parseQuotas(requested, await findTimeZone(tx, caller.workspaceId), location);
  return changedQuotas([], requested, rules, now());
}

/** Replaces all quotas by those of a request. A quota whose name stays keeps its use, unless `restart` is true. */
export function changedQuotas(
  current: readonly Quota[],
  requested: RequestedQuotas,
  rules: readonly QuotaRule[],
  nowMs: number,
): Quota[] {
  const anew = new Set(requested.filter(({ restart }) => restart).map(({ name }) => name));
  return replaceQuotas(current, rules, anew, nowMs);
}
