import { z } from "zod";
import { type GivenRatelimit, repeated } from "../domain/ratelimits.ts";
import type { IdentityRecord, StoredRatelimit } from "../domain/verification.ts";
import { Failure, invalid } from "../errors.ts";
import type { Limits } from "../operation.ts";

/** Text of `min` to `max` code points, as JSON Schema counts them; Zod's own bounds count UTF-16 units. */
export function text(min: number, max: number) {
  return z
    .string()
    .check(({ value: input, issues }) => {
      const length = input.length > 2 * max ? input.length : Array.from(input).length;
      const issue = { origin: "string", inclusive: true, continue: true, input } as const;
      if (length < min) issues.push({ ...issue, code: "too_small", minimum: min });
      if (length > max) issues.push({ ...issue, code: "too_big", maximum: max });
    })
    .meta(min === 0 ? { maxLength: max } : { minLength: min, maxLength: max });
}

/** Milliseconds since the epoch, up to the year 2100. */
export const instant = z.int().min(0).max(4_102_444_800_000);

export const externalId = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[a-zA-Z0-9_.-]+$/, "use only letters, digits, _ . and -")
  .describe("Your own name for the user or organisation; unique in the workspace, compared byte for byte.")
  .meta({ private: true });

export const identityRef = text(1, 255)
  .describe("The identity's id or its external id; where both exist, the id wins.")
  .meta({ private: true });

const word = /^[a-zA-Z0-9_]+$/;
const wordFix = "use only letters, digits and _";

export const apiId = z.string().min(3).max(255).regex(word, wordFix);
export const keyName = text(1, 255);
export const keyPrefix = z.string().min(1).max(16).regex(word, wordFix);
export const keyId = z.string().min(3).max(255).regex(word, wordFix);

/** Any JSON object with at most 100 members; handed through as it is, `__proto__` and its like included. */
export const meta = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "must be an object",
  )
  .refine((value) => Object.keys(value).length <= 100, "has more than 100 members")
  .describe("Any JSON object; it comes back equal, and with every verification.")
  .meta({ type: "object", additionalProperties: true, maxProperties: 100, private: true });

const ratelimit = z.strictObject({
  name: text(3, 128).describe("Unique among the limits of its owner."),
  limit: z.int().min(1).describe("How much cost any span of `duration` may hold."),
  duration: z.int().min(1000).describe("Milliseconds, at most 30 days unless the server is set otherwise."),
  autoApply: z.boolean().default(false).describe("Whether every verification counts it without naming it."),
});

/** At most 50 limits, each name once. */
export const ratelimits = z.array(ratelimit).max(50).superRefine(refuseRepeatedNames);

/** Adds an issue for each name that an earlier item has already. */
export function refuseRepeatedNames(
  items: readonly { name: string }[],
  context: z.core.$RefinementCtx,
): void {
  for (const { name, index } of repeated(items.map((item) => item.name))) {
    context.addIssue({
      code: "custom",
      path: [index, "name"],
      message: `repeats the name ${JSON.stringify(name)}`,
      params: { fix: "give each limit a name of its own" },
    });
  }
}

const slugCharacters = /^[a-zA-Z0-9_:\-.*]+$/;

export const permissionSlug = z
  .string()
  .min(1)
  .max(128)
  .regex(slugCharacters, "use only letters, digits and _ : - . *");

export const permissionName = z.string().min(1).max(512);

/** At most 1000; a slug named twice counts once. */
export const permissionSlugs = z.array(permissionSlug).max(1000);

export const permissionRef = permissionSlug.describe(
  "The permission's id or slug; where both exist, the id wins.",
);

export const roleName = text(1, 128);

export const roleRef = roleName.describe("The role's id or name; where both exist, the id wins.");

export const description = text(0, 512);

/** At most 100; a name twice counts once. */
export const roleNames = z.array(roleName).max(100);

export const cursor = text(0, 1024).describe("`pagination.cursor` of the page before.");

export const search = text(0, 256)
  .describe("Literal text, ASCII letters in either case.")
  .meta({ private: true });

export const storedRatelimit = z.strictObject({
  id: z.string(),
  name: z.string(),
  limit: z.int(),
  duration: z.int(),
  autoApply: z.boolean(),
});

export const identity = z.strictObject({
  id: z.string(),
  externalId: z.string(),
  meta: z.custom<object>().meta({ type: "object", additionalProperties: true }),
  ratelimits: z.array(storedRatelimit),
});

export const refill = z.strictObject({
  interval: z.enum(["daily", "monthly"]),
  amount: z.int().min(1).describe("What the balance is set to, at 00:00 UTC."),
  refillDay: z.int().min(1).max(31).optional().describe("Monthly only; the 1st where it is left away."),
});

export const credits = z.strictObject({
  remaining: z.int().min(0).nullable().describe("null: unlimited."),
  refill: refill.optional(),
});

export const identityExample = {
  id: "id_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  externalId: "user_123",
  meta: { plan: "pro" },
  ratelimits: [
    { id: "rl_0Ck3vDbo7QmV2Lx9Rt5We8", name: "requests", limit: 1000, duration: 60_000, autoApply: true },
  ],
};

export function ratelimitAnswer(limit: StoredRatelimit): z.input<typeof storedRatelimit> {
  const { id, name, durationMs, autoApply } = limit;
  return { id, name, limit: limit.limit, duration: durationMs, autoApply };
}

export function identityAnswer(record: IdentityRecord): z.input<typeof identity> {
  const { id, externalId, meta, ratelimits } = record;
  return { id, externalId, meta, ratelimits: ratelimits.map(ratelimitAnswer) };
}

/**
 * The limits with durations in milliseconds by name.
 * Errors: `invalid_input` where a duration is above the server's bound; all such places are listed.
 */
export function givenRatelimits(
  items: z.output<typeof ratelimits>,
  limits: Limits,
  location = "body.ratelimits",
): GivenRatelimit[] {
  const longest = limits.maxRatelimitDurationMs;
  const flaws = items.flatMap((item, index) =>
    item.duration <= longest
      ? []
      : [
          {
            location: `${location}[${index}].duration`,
            message: `is ${item.duration}, longer than this server counts`,
            fix: `use at most ${longest} (milliseconds)`,
          },
        ],
  );
  if (flaws.length > 0) throw new Failure("invalid_input", { detail: "A rate limit is too long.", flaws });
  return items.map(({ name, limit, duration, autoApply }) => ({
    name,
    limit,
    durationMs: duration,
    autoApply,
  }));
}

/**
 * The meta as JSON text for the database.
 * Errors: `invalid_input` above `maxMetaBytes` bytes of UTF-8.
 */
export function metaText(
  value: object,
  limits: Limits,
  note: (fields: Record<string, number>) => void,
  location = "body.meta",
): string {
  const text = JSON.stringify(value);
  const bytes = new TextEncoder().encode(text).byteLength;
  if (bytes > limits.maxMetaBytes) {
    throw invalid(location, `is ${bytes} bytes of JSON`, `keep it within ${limits.maxMetaBytes} bytes`);
  }
  if (bytes > 10_240) note({ metaBytes: bytes });
  return text;
}
