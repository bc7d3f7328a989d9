import { z } from "zod";
import { itemAt } from "../../domain/itemAt.ts";
import { quoted } from "../../domain/location.ts";
import type { StoredRatelimit } from "../../domain/ratelimits.ts";
import { diffRatelimits, type RatelimitSettings, repeated } from "../../domain/ratelimits.ts";
import { Failure } from "../../errors/failure.ts";
import type { Limits, TransactContext } from "../../operation.ts";
import { applyRatelimitDiff } from "../../storage/queries/ratelimits.ts";
import { amount, checkWith, storedId, text } from "./values.ts";

/** The window of a limit that a request describes. */
export const windowFields = {
  limit: z.int().min(1).describe("The highest total cost within any span of `duration`, such as 100."),
  duration: z
    .int()
    .min(1000)
    .describe(
      "The length of the sliding window in milliseconds, such as 60000 for one minute. At most 30 days, unless the server is configured otherwise.",
    ),
};

const ratelimit = z.strictObject({
  name: text(3, 128).describe(
    "The name by which a verification names the limit, such as `requests`. Unique among the rate limits of the key or identity.",
  ),
  ...windowFields,
  autoApply: z
    .boolean()
    .default(false)
    .describe(
      "true: every verification counts against this limit. false: only a verification that names the limit counts.",
    ),
});

/** A check of a list: adds an issue for each name that an earlier item already has. */
export const refuseRepeatedNames = checkWith<readonly { name: string }[]>(
  ({ value: input, issues }) => {
    for (const { name, index } of repeated(input.map((item) => item.name))) {
      issues.push({
        code: "custom",
        input,
        path: [index, "name"],
        message: `repeats the name ${quoted(name)}`,
        params: { fix: "give each item a different name" },
        continue: true,
      });
    }
  },
  (items) => items.length < 2 || repeated(items.map((item) => item.name)).length === 0,
);

export const ratelimits = z
  .array(ratelimit)
  .max(50)
  .check(refuseRepeatedNames)
  .describe("Rate limits with different names, which verifications count against.");

export const reset = amount.describe(
  "When to retry, as Unix time in milliseconds. After a refusal: when this cost can pass again, or one duration from now if the cost is above the limit. Otherwise: when the window is empty.",
);

export const storedDuration = z
  .int()
  .min(1000)
  .max(2_592_000_000)
  .describe("The length of the sliding window in milliseconds.");

export const storedRatelimit = z.strictObject({
  id: storedId.describe("The rate limit's id."),
  name: text(3, 128).describe("The name by which a verification names the limit."),
  limit: z.int().min(1).describe("The highest total cost within any span of `duration`."),
  duration: storedDuration,
  autoApply: z.boolean().describe("Whether every verification counts against the limit without naming it."),
});

/**
 * Refuses windows that are longer than this server allows. `locationOf` returns the path of the item at an index.
 * Errors: `invalid_input`, with one entry in `errors` for each window that is too long.
 */
export function refuseLongDurations(
  items: readonly { duration?: number | undefined }[],
  { maxRatelimitDurationMs }: Limits,
  locationOf: (index: number) => string,
): void {
  const flaws = items.flatMap(({ duration = 0 }, index) => {
    if (duration <= maxRatelimitDurationMs) return [];
    const message = `is ${duration}, longer than this server's longest window`;
    return {
      location: `${locationOf(index)}.duration`,
      message,
      fix: `use at most ${maxRatelimitDurationMs} milliseconds`,
    };
  });
  const [first] = flaws;
  if (first === undefined) return;
  throw new Failure("invalid_input", { detail: `${first.location} ${first.message}.`, flaws });
}

/**
 * Validates the rate limits of a request, and renames `duration` to `durationMs`.
 * Errors: those of `refuseLongDurations`.
 */
export function parseRatelimits(
  items: z.output<typeof ratelimits>,
  limits: Limits,
  location = "body.ratelimits",
): RatelimitSettings[] {
  refuseLongDurations(items, limits, (index) => `${location}[${index}]`);
  return items.map(({ duration, ...rest }) => ({ ...rest, durationMs: duration }));
}

/** Replaces the rate limits of a key or an identity. A limit whose name stays keeps its id. Audits each change. */
export async function replaceRatelimits(
  { caller, tx, audit, newId }: TransactContext,
  ownerId: string,
  current: readonly StoredRatelimit[],
  wanted: readonly RatelimitSettings[],
): Promise<StoredRatelimit[]> {
  const diff = diffRatelimits(current, wanted);
  const stored = await applyRatelimitDiff(tx, caller.workspaceId, ownerId, diff, () => newId("rl"));
  for (const [index, { existing }] of diff.set.entries()) {
    audit(existing === undefined ? "ratelimit.create" : "ratelimit.update", itemAt(stored, index).id);
  }
  for (const { id } of diff.removed) audit("ratelimit.delete", id);
  return stored;
}
