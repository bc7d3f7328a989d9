import { z } from "zod";
import { refusalCodes } from "../../domain/verification.ts";
import { remaining, used } from "./quotas.ts";
import { storedDuration } from "./ratelimits.ts";
import { amount, instant, storedId } from "./values.ts";

/** Text for people, which may quote a whole permission query. */
const sentence = z.string().max(50_000);

const passesAt = instant
  .optional()
  .describe(
    "When the check passes if nothing else changes. Unix time in milliseconds. Omitted if it passes now, or if waiting does not help.",
  );

/** The members that every check has. */
function common<T extends string>(check: T, what: string) {
  return {
    check: z.literal(check).describe(what),
    passed: z.boolean().describe("Whether the check lets the verification pass."),
    why: sentence.describe("What was compared, as a sentence for people."),
    fix: sentence.optional().describe("What would make a failed check pass. Omitted if it passed."),
  };
}

const granted = z.strictObject({
  slug: sentence.describe("The permission's slug. It may contain a wildcard."),
  via: sentence.describe("How the key has it: `direct`, or `role:` and the name of the role."),
});

const part = z.strictObject({
  depth: amount.describe("How deeply the part is nested. 0: the whole query."),
  kind: z
    .enum(["all", "any", "permission"])
    .describe(
      "`all`: the following parts whose `depth` is one more are joined by AND. `any`: they are joined by OR. `permission`: a single permission.",
    ),
  permission: sentence.optional().describe("The permission. Only for the kind `permission`."),
  passed: z.boolean().describe("Whether the key satisfies this part."),
});

export const check = z.discriminatedUnion("check", [
  z.strictObject({
    ...common("found", "The key exists. If it does not, the code is `NOT_FOUND`."),
    deletedAt: instant
      .optional()
      .describe(
        "When the key or its api was deleted. Unix time in milliseconds. Omitted if neither was deleted, or if the time is unknown.",
      ),
    auditEventId: storedId
      .optional()
      .describe("The id of the deletion's audit event. Omitted if the event is not stored any more."),
    migrationId: storedId
      .optional()
      .describe(
        "The migration's id, which the key's first verification must send. Omitted unless the key waits for its first verification.",
      ),
  }),
  z.strictObject(
    common("workspace", "The key's workspace is enabled. If it is not, the code is `FORBIDDEN`."),
  ),
  z.strictObject(common("enabled", "The key is enabled. If it is not, the code is `DISABLED`.")),
  z.strictObject({
    ...common("expiry", "The key has not expired. If it has, the code is `EXPIRED`."),
    expires: instant
      .optional()
      .describe("When the key expires. Unix time in milliseconds. Omitted if it never expires."),
  }),
  z.strictObject({
    ...common(
      "ipAllowList",
      "The address is in the IP allow-list of the api or of the key. If it is not, the code is `FORBIDDEN`. An api or a key without a list has no such check.",
    ),
    owner: z.enum(["api", "key"]).describe("Who has the list."),
    ip: z
      .string()
      .max(255)
      .optional()
      .describe("The address in canonical form. Omitted if the verification has no `ip`."),
    ipAllowList: z.array(sentence).describe("The addresses and ranges that are allowed."),
  }),
  z.strictObject({
    ...common(
      "permissions",
      "The key satisfies the permission query. If it does not, the code is `INSUFFICIENT_PERMISSIONS`.",
    ),
    query: sentence.optional().describe("The permission query. Omitted if the verification has none."),
    missing: z
      .array(sentence)
      .describe("The permissions that the key lacks, from those parts of the query that make it fail."),
    granted: z
      .array(granted)
      .max(1000)
      .describe("The permissions of the key that cover a permission of the query, and how it has them."),
    parts: z.array(part).describe("The parts of the query in reading order."),
  }),
  z.strictObject({
    ...common("ratelimit", "A rate limit has room for the cost. If it has not, the code is `RATE_LIMITED`."),
    id: storedId.optional().describe("The rate limit's id. Omitted if only the request describes it."),
    name: sentence.describe("The rate limit's name."),
    owner: z
      .enum(["key", "identity", "request"])
      .describe(
        "Who has the limit. `request`: the request describes it, and it is counted for the key alone.",
      ),
    hides: z
      .enum(["key", "identity"])
      .optional()
      .describe(
        "Who has a limit of the same name that does not count because of this limit. Omitted if this limit hides no other limit.",
      ),
    limit: amount.optional().describe("The highest total cost within any span of `duration`."),
    duration: storedDuration
      .optional()
      .describe(
        "The length of the sliding window in milliseconds. Like `limit`, omitted if neither the key, its identity nor the request has a limit of this name.",
      ),
    cost: amount.describe("What the verification costs."),
    used: amount.optional().describe("The cost that counts now. It may exceed a limit that was lowered."),
    limitInForce: amount
      .optional()
      .describe(
        "This server's share of `limit` while it cannot reach Redis, in which all servers count together. Omitted otherwise.",
      ),
    passesAt,
  }),
  z.strictObject({
    ...common("credits", "Enough credits are left. If they are not, the code is `USAGE_EXCEEDED`."),
    owner: z
      .enum(["key", "identity"])
      .optional()
      .describe(
        "Whose credits they are. If both have limited credits, both must suffice. Omitted if the credits are unlimited.",
      ),
    remaining: amount.optional().describe("The credits that are left. Omitted if they are unlimited."),
    cost: amount.describe("The credits that the verification spends if it is valid."),
    passesAt,
  }),
  z.strictObject({
    ...common("quota", "A quota has enough units left. If it has not, the code is `USAGE_EXCEEDED`."),
    name: sentence.describe("The quota's name."),
    owner: z
      .enum(["key", "identity"])
      .describe("Whose quota it is. If both have a quota of this name, both must suffice."),
    limit: amount.describe("The units that each period allows."),
    used,
    remaining,
    cost: amount.describe("The units that the verification uses if it is valid."),
    resetsAt: instant
      .optional()
      .describe(
        "When the next period begins. Unix time in milliseconds. Omitted if no period has begun yet.",
      ),
    passesAt,
  }),
]);

export type Check = z.input<typeof check>;

export const explanation = z.strictObject({
  verdict: z
    .strictObject({
      valid: z.boolean().describe("Whether the request may pass."),
      code: z
        .enum(["VALID", "NOT_FOUND", ...refusalCodes])
        .describe("The `code` of the verification: `VALID`, or the code of the first check that fails."),
    })
    .describe("What `keys.verifyKey` would return."),
  keyId: storedId.optional().describe("The key's id. Omitted if the key was not found."),
  request: z
    .strictObject({
      requestId: storedId.describe("The request's id."),
      time: instant.describe("When the request began. Unix time in milliseconds."),
      outcome: z
        .string()
        .min(1)
        .max(64)
        .describe(
          "The code that the request got. If it is `NOT_FOUND` although the key exists now, the root key of that request may not verify keys of the key's api, or the key was created later.",
        ),
    })
    .optional()
    .describe("The earlier verification that was decided again. Only if the request has `requestId`."),
  at: instant.describe("The time for which the checks were decided. Unix time in milliseconds."),
  checks: z.array(check).describe("Every check in the order of a verification, also those that passed."),
  passesAt: instant
    .optional()
    .describe(
      "When the verification would pass if nothing else changes. Unix time in milliseconds. Omitted if it passes now, or if waiting does not help.",
    ),
});

export type Explanation = z.input<typeof explanation>;
