import { z } from "zod";
import { type Address, parseAddress } from "../../domain/ipAddress.ts";
import { invalid } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import { onExpiry, reserve, ttl } from "./holds.ts";
import { wholeKey } from "./keys.ts";
import { quotaName } from "./quotas.ts";
import { refuseLongDurations, refuseRepeatedNames, windowFields } from "./ratelimits.ts";
import { text } from "./values.ts";
import type { Requested } from "./verification.ts";

const cost = z.int().min(0).max(1_000_000_000_000);

const holdFields = {
  reserve: reserve
    .optional()
    .describe(
      "The units to hold until `credits.settle` charges what was really used. At most one `reserve` in a verification. With a `reserve` of a quota, the verification still costs credits: 1, or `credits.cost`.",
    ),
  ttl: ttl
    .optional()
    .describe(
      "How long the units are held, in milliseconds: from one second to one day. Required with `reserve`.",
    ),
  onExpiry: onExpiry.optional(),
};

/** What `keys.verifyKey` takes. */
export const verificationInput = z.strictObject({
  key: wholeKey,
  tags: z
    .array(text(1, 512).describe("One tag, such as `path=/v1/files`."))
    .max(20)
    .optional()
    .describe(
      'Labels that are recorded with this verification, such as `["path=/v1/files"]`. `analytics.getUsage` can count by tag. Tags do not affect the outcome.',
    ),
  permissions: text(1, 1000)
    .optional()
    .describe(
      "A permission query that the key must satisfy: permissions joined by AND and OR, such as `documents.read AND (documents.write OR admin)`. AND binds before OR, in upper or lower case, and at most 32 parentheses may be nested. A `*` in the query is literal, while a `*` in a permission of the key is a wildcard. If the key does not satisfy it, the code is `INSUFFICIENT_PERMISSIONS`.",
    ),
  credits: z
    .strictObject({
      cost: cost
        .optional()
        .describe(
          "The number of credits that a valid verification spends. 0: nothing is spent, and the verification can pass even if no credits are left. Send either `cost` or `reserve`.",
        ),
      ...holdFields,
    })
    .optional()
    .describe(
      "What the verification costs if the key or its identity has limited credits. If omitted, 1 credit.",
    ),
  quotas: z
    .array(
      z.strictObject({
        name: quotaName,
        cost: cost
          .optional()
          .describe(
            "The units of the quota that a valid verification uses. 0: nothing is used, and the verification can pass even if no units are left. Default: 1, unless `reserve` is sent.",
          ),
        ...holdFields,
      }),
    )
    .max(50)
    .check(refuseRepeatedNames)
    .optional()
    .describe(
      "What the verification costs in quotas of the key or its identity. For a quota with `autoApply`, this replaces the cost of one unit. If both have a quota of this name, both must suffice.",
    ),
  ratelimits: z
    .array(
      z.strictObject({
        name: text(3, 255).describe(
          "The name of a rate limit of the key or of its identity, such as `requests`, or of one that `limit` and `duration` describe.",
        ),
        cost: z
          .int()
          .min(0)
          .optional()
          .describe(
            "How much of the limit this verification uses. 0: the verification only reads the state. Default: 1.",
          ),
        limit: windowFields.limit
          .optional()
          .describe(
            "The highest total cost within any span of `duration`. Overrides the stored limit. Send it together with `duration`.",
          ),
        duration: windowFields.duration
          .optional()
          .describe(`${windowFields.duration.description} Send it together with \`limit\`.`),
      }),
    )
    .max(50)
    .check(refuseRepeatedNames)
    .optional()
    .describe(
      "Rate limits with different names to count this verification against, in addition to the stored limits with `autoApply`. If one limit refuses the verification, it counts against none.",
    ),
  ip: text(2, 64)
    .optional()
    .describe(
      "The IP address of the client that presents the key, such as `192.0.2.1`. Needed if the key or its api has an `ipAllowList`: without an address, or with an address that a list does not have, the code is `FORBIDDEN`.",
    ),
  keyspaces: z
    .array(
      text(1, 255).describe(
        "The id of one keyspace, such as `ks_0Ck3vDbnXhq2Tn6Yp1Zs4a`, or of its api, such as `api_0Ck3vDbnXhq2Tn6Yp1Zs4a`.",
      ),
    )
    .min(1)
    .max(100)
    .optional()
    .describe(
      "Only keys of these keyspaces, and so of their apis, are found. Any other key is `NOT_FOUND`, and nothing is counted or spent.",
    ),
  autoApply: z
    .boolean()
    .default(true)
    .describe(
      "false: counts and spends nothing automatically, only from the `ratelimits`, `quotas` and `credits` that this request names. An omitted `cost` is then 0. Use false to check a key again that was already verified for the same request.",
    ),
  migrationId: text(0, 256)
    .optional()
    .describe(
      "The id of the migration that created the key, if the migration's algorithm is prefixed-api-key. Needed for the key's first verification. It has no effect on keys that were verified before.",
    ),
});

export type VerificationInput = z.output<typeof verificationInput>;

/**
 * Converts the input. The result does not depend on the key, so an invalid input is refused whatever the key is.
 * Errors: `invalid_input` for a window that is longer than this server allows, an invalid IP address or an incomplete
 * hold.
 */
export function requestedOf(input: Omit<VerificationInput, "key">, context: RunContext): Requested {
  const { permissions, credits, quotas = [], ratelimits = [], autoApply, ip } = input;
  if (asksForNothing(input)) return nothingAsked;
  refuseLongDurations(ratelimits, context.limits, (index) => `body.ratelimits[${index}]`);
  const usualCost = autoApply ? 1 : 0;
  return {
    permissions,
    ip: ip === undefined ? undefined : requireAddress(ip),
    autoApply,
    cost: {
      credits: credits?.reserve ?? credits?.cost ?? usualCost,
      quotas:
        quotas.length === 0
          ? noQuotas
          : new Map(quotas.map((quota) => [quota.name, quota.reserve ?? quota.cost ?? usualCost])),
      automatic: autoApply ? 1 : undefined,
    },
    hold: holdOf(input, context),
    ratelimits: ratelimits.map(({ name, cost = usualCost, limit, duration }) => ({
      name,
      cost,
      limit,
      durationMs: duration,
    })),
  };
}

/** Whether the input has only the key, like most inputs. */
function asksForNothing(input: Omit<VerificationInput, "key">): boolean {
  const { permissions, credits, quotas, ratelimits, autoApply, ip } = input;
  return (
    autoApply &&
    permissions === undefined &&
    credits === undefined &&
    quotas === undefined &&
    ratelimits === undefined &&
    ip === undefined
  );
}

const noQuotas: ReadonlyMap<string, number> = new Map();

/** Shared by all verifications that send only a key, because building it would allocate a kilobyte each time. */
const nothingAsked: Requested = {
  permissions: undefined,
  ip: undefined,
  autoApply: true,
  cost: { credits: 1, quotas: noQuotas, automatic: 1 },
  hold: undefined,
  ratelimits: [],
};

/**
 * The hold that the request asks for, if any.
 * Errors: `invalid_input` for a second `reserve`, for `reserve` with `cost` or without `ttl`, and for `ttl` or
 * `onExpiry` without `reserve`.
 */
function holdOf(
  { credits, quotas = [], tags = [] }: Omit<VerificationInput, "key">,
  { newId, requestId }: RunContext,
): Requested["hold"] {
  if (credits === undefined && quotas.length === 0) return undefined; // most verifications end here
  const items = [
    ...(credits === undefined ? [] : [{ ...credits, location: "body.credits", name: undefined }]),
    ...quotas.map((quota, index) => ({ ...quota, location: `body.quotas[${index}]` })),
  ];
  for (const item of items) refuseHalfHold(item);
  const [hold, another] = items.filter(({ reserve }) => reserve !== undefined);
  if (another !== undefined) {
    throw invalid(
      `${another.location}.reserve`,
      "is a second reservation",
      "send `reserve` only once in a verification",
    );
  }
  if (hold === undefined) return undefined;
  const { name: quota, ttl: ttlMs = 0, onExpiry = "release" } = hold;
  return { id: newId("hold"), quota, ttlMs, onExpiry, requestId, tags };
}

type HoldItem = {
  location: string;
  cost?: number | undefined;
  reserve?: number | undefined;
  ttl?: number | undefined;
  onExpiry?: string | undefined;
};

function refuseHalfHold({ location, cost, reserve, ttl, onExpiry }: HoldItem): void {
  if (reserve === undefined) {
    const field = ttl === undefined ? "onExpiry" : "ttl";
    if (ttl === undefined && onExpiry === undefined) return;
    throw invalid(
      `${location}.${field}`,
      "is only allowed with `reserve`",
      "send `reserve` too, or omit this field",
    );
  }
  if (cost !== undefined) {
    throw invalid(
      `${location}.cost`,
      "cannot be combined with `reserve`",
      "send only one of them: a reservation is charged when it is settled",
    );
  }
  if (ttl === undefined) {
    throw invalid(
      `${location}.ttl`,
      "is missing, and a reservation needs it",
      "send how long to hold the units, in milliseconds",
    );
  }
}

function requireAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw invalid(
    "body.ip",
    "is not an IP address",
    "send an address such as 192.0.2.1 or 2001:db8::1, without port and zone",
  );
}
