import { z } from "zod";
import type { Hit } from "../counters/counters.ts";
import type { PlannedRatelimit } from "../domain/ratelimits.ts";
import type { IdentityRecord, KeyRecord } from "../domain/verification.ts";
import { identity, identityAnswer } from "./fields.ts";

/** What a key lends to the request it comes with: marked, as clients are to use it only where `valid` is true. */
const lent = { "x-latchkey-lent": true };

const known = {
  keyId: z.string(),
  name: z.string().optional(),
  meta: z
    .custom<object>()
    .meta({ type: "object", additionalProperties: true, ...lent })
    .optional(),
  expires: z.int().optional(),
  credits: z.int().optional(),
  enabled: z.boolean(),
  permissions: z.array(z.string()).optional().meta(lent),
  roles: z.array(z.string()).optional().meta(lent),
  identity: identity.optional().meta(lent),
  ratelimits: z
    .array(
      z.strictObject({
        id: z.string(),
        name: z.string(),
        limit: z.int(),
        duration: z.int(),
        reset: z.int().describe("Milliseconds since the epoch."),
        remaining: z.int(),
        exceeded: z.boolean(),
        autoApply: z.boolean(),
      }),
    )
    .optional(),
};

const refusalCodes = [
  "FORBIDDEN",
  "INSUFFICIENT_PERMISSIONS",
  "USAGE_EXCEEDED",
  "RATE_LIMITED",
  "DISABLED",
  "EXPIRED",
] as const;

export const verdict = z.discriminatedUnion("code", [
  z.strictObject({ valid: z.literal(true), code: z.literal("VALID"), ...known }),
  z.strictObject({ valid: z.literal(false), code: z.literal("NOT_FOUND") }),
  z.strictObject({ valid: z.literal(false), code: z.enum(refusalCodes), ...known }),
]);

/** What a verification answers; for a key that is not found only `valid` and `code`. */
export type Verdict = z.input<typeof verdict>;

/** The verdict on a key that exists. */
export type KeyVerdict = Exclude<Verdict, { code: "NOT_FOUND" }>;

/** Why a key that exists may not pass. */
export type Refusal = (typeof refusalCodes)[number];

/** What is told of the key, whatever the outcome. */
export function verdictOn(key: KeyRecord, code: "VALID" | Refusal): KeyVerdict {
  let known = knownOf.get(key);
  if (known === undefined) {
    known = tellKnown(key);
    knownOf.set(key, known);
  }
  return code === "VALID" ? { valid: true, code, ...known } : { valid: false, code, ...known };
}

type Known = Omit<KeyVerdict, "valid" | "code">;

/** Worked out once for each record: a record is never changed, only replaced. */
const knownOf = new WeakMap<KeyRecord, Known>();

function tellKnown(key: KeyRecord): Known {
  const answer: Known = { keyId: key.id, enabled: key.enabled };
  if (key.name !== undefined) answer.name = key.name;
  if (key.expiresAtMs !== undefined) answer.expires = key.expiresAtMs;
  if (key.meta !== undefined && Object.keys(key.meta).length > 0) answer.meta = key.meta;
  if (key.permissions.length > 0) answer.permissions = key.permissions;
  if (key.roles.length > 0) answer.roles = key.roles;
  if (key.identity !== undefined) answer.identity = identityOf(key, key.identity);
  return answer;
}

/** A limit of the key hides its identity's of the same name. */
function identityOf(key: KeyRecord, record: IdentityRecord): NonNullable<KeyVerdict["identity"]> {
  if (key.ratelimits.length === 0) return identityAnswer(record);
  const own = new Set(key.ratelimits.map((limit) => limit.name));
  const shared = record.ratelimits.filter((limit) => !own.has(limit.name));
  return identityAnswer({ ...record, ratelimits: shared });
}

/** The limits that were counted. */
export function countedRatelimits(planned: readonly PlannedRatelimit[], hit: Hit): KeyVerdict["ratelimits"] {
  return planned.map((limit, index) => {
    const state = hit.windows[index];
    return {
      id: limit.id ?? "",
      name: limit.name,
      limit: limit.limit,
      duration: limit.durationMs,
      reset: state?.resetAtMs ?? 0,
      remaining: state?.remaining ?? 0,
      exceeded: state?.passed === false,
      autoApply: limit.autoApply,
    };
  });
}
