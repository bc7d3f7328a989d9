import { z } from "zod";
import type { Hit, Window } from "../../counters/counters.ts";
import { may } from "../../domain/caller.ts";
import {
  evaluatePermissionQuery,
  type PermissionQuery,
  parsePermissionQuery,
} from "../../domain/permissionQuery.ts";
import { type AskedRatelimit, type PlannedRatelimit, planRatelimits } from "../../domain/ratelimits.ts";
import { type IdentityRecord, judgeKey, type KeyRecord } from "../../domain/verification.ts";
import { Failure, invalid } from "../../errors.ts";
import { operation, type RunContext } from "../../operation.ts";
import { verificationKey } from "../../storage/cache.ts";
import { findRemaining } from "../../storage/queries/balances.ts";
import { identity, identityAnswer } from "../fields.ts";

const input = z.strictObject({
  key: z.string().min(1).max(512).describe("The whole key, exactly as it was issued.").meta({ secret: true }),
  tags: z.array(z.string().min(1).max(512)).max(20).optional(),
  permissions: z.string().min(1).max(1000).optional(),
  credits: z.strictObject({ cost: z.int().min(0).max(1_000_000_000_000) }).optional(),
  ratelimits: z
    .array(
      z.strictObject({
        name: z.string().min(3).max(255),
        cost: z.int().min(0).optional(),
        limit: z.int().min(1).optional(),
        duration: z.int().min(1000).optional(),
      }),
    )
    .max(50)
    .optional(),
  migrationId: z.string().max(256).optional(),
});

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

const output = z.discriminatedUnion("code", [
  z.strictObject({ valid: z.literal(true), code: z.literal("VALID"), ...known }),
  z.strictObject({ valid: z.literal(false), code: z.literal("NOT_FOUND") }),
  z.strictObject({ valid: z.literal(false), code: z.enum(refusalCodes), ...known }),
]);

type Verdict = z.input<typeof output>;
/** The verdict on a key that exists. */
type KeyVerdict = Exclude<Verdict, { code: "NOT_FOUND" }>;
type Refusal = (typeof refusalCodes)[number];

export const verifyKey = operation({
  name: "keys.verifyKey",
  summary: "Verify a key",
  description:
    "Answers whether a request made with this key may pass. Every verdict is a 200: look at `valid`, then at `code`.",
  permission: "api.<id>.verify_key",
  input,
  output,
  errors: ["permissions_query_syntax_error", "precondition_failed"],
  example: {
    input: { key: "prod_2cGKbMxRyIzhCxo1Idjz8q", ratelimits: [{ name: "requests" }] },
    output: { valid: true, code: "VALID", keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", enabled: true },
  },
  frequent: true,

  async run(input, context): Promise<Verdict> {
    const { caller, keyCache, nowMs } = context;
    const key = await keyCache.find(verificationKey(caller.workspaceId, context.hashKey(input.key)));
    if (key === undefined || !may(caller, "api", key.apiId, "verify_key")) {
      return { valid: false, code: "NOT_FOUND" };
    }
    const query = input.permissions === undefined ? undefined : readQuery(input.permissions);
    const refused = judgeKey(key, nowMs);
    if (refused !== undefined) return refusal(context, key, refused);
    if (query !== undefined && !evaluatePermissionQuery(query, key.granted)) {
      return refusal(context, key, "INSUFFICIENT_PERMISSIONS");
    }
    const planned = plan(key, input.ratelimits ?? [], context);
    const hit = planned.length === 0 ? undefined : await context.counters.hit(windows(key, planned));
    if (hit !== undefined && !hit.passed) {
      return { ...(await refusal(context, key, "RATE_LIMITED")), ratelimits: states(planned, hit) };
    }
    return spend(context, key, input.credits?.cost ?? 1, planned, hit);
  },
});

/** Windows first, then credits: where these refuse or fail, the windows are given back before the answer. */
async function spend(
  context: RunContext,
  key: KeyRecord,
  cost: number,
  planned: readonly PlannedRatelimit[],
  hit: Hit | undefined,
): Promise<Verdict> {
  const ratelimits = hit && { ratelimits: states(planned, hit) };
  if (!key.hasBalance) return { ...verdict(key, "VALID"), ...ratelimits };
  const { workspaceId, subjectId } = key;
  try {
    const spent = await context.spendCredits({ workspaceId, subjectId, cost, nowMs: context.nowMs });
    if (spent === "unlimited") return { ...verdict(key, "VALID"), ...ratelimits };
    if (spent.granted) return { ...verdict(key, "VALID"), credits: spent.remaining, ...ratelimits };
    if (hit !== undefined) await context.counters.giveBack(hit);
    const givenBack = hit && { ratelimits: states(planned, hit, { givenBack: true }) };
    return { ...verdict(key, "USAGE_EXCEEDED"), credits: spent.remaining, ...givenBack };
  } catch (error) {
    if (hit !== undefined) await context.counters.giveBack(hit);
    throw error;
  }
}

async function refusal(context: RunContext, key: KeyRecord, code: Refusal): Promise<KeyVerdict> {
  if (!key.hasBalance) return verdict(key, code);
  const remaining = await findRemaining(context.db, { ...key, nowMs: context.nowMs });
  return remaining === undefined ? verdict(key, code) : { ...verdict(key, code), credits: remaining };
}

function verdict(key: KeyRecord, code: "VALID" | Refusal): KeyVerdict {
  const found = { keyId: key.id, enabled: key.enabled };
  const answer: KeyVerdict =
    code === "VALID" ? { valid: true, code, ...found } : { valid: false, code, ...found };
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

function readQuery(text: string): PermissionQuery {
  const parsed = parsePermissionQuery(text);
  if ("query" in parsed) return parsed.query;
  const { position, message, fix } = parsed.error;
  throw new Failure("permissions_query_syntax_error", {
    detail: `Position ${position} of the permissions query: ${message}.`,
    flaws: [{ location: "body.permissions", message: `${message} (position ${position})`, fix }],
  });
}

type Asked = NonNullable<z.output<typeof input>["ratelimits"]>;

function plan(key: KeyRecord, asked: Asked, { limits }: RunContext): PlannedRatelimit[] {
  const checked = asked.map((one, index): AskedRatelimit => {
    if ((one.duration ?? 0) > limits.maxRatelimitDurationMs) {
      const at = `body.ratelimits[${index}].duration`;
      throw invalid(at, "is longer than this server counts", `use at most ${limits.maxRatelimitDurationMs}`);
    }
    return { name: one.name, cost: one.cost, limit: one.limit, durationMs: one.duration };
  });
  const result = planRatelimits(key, checked);
  if ("planned" in result) return result.planned;
  const { index, problem } = result.flaw;
  const at = `body.ratelimits[${index}]`;
  if (problem === "incomplete") {
    throw invalid(at, "has only one of limit and duration, and no limit of that name is stored", "give both");
  }
  throw new Failure("precondition_failed", {
    detail: `${at}.name: no such limit is stored with the key or its identity; store it, or give limit and duration.`,
  });
}

function windows(key: KeyRecord, planned: readonly PlannedRatelimit[]): Window[] {
  return planned.map(({ owner, name, durationMs, limit, cost }) => ({
    space: owner.space,
    subject: owner.subject,
    workspaceId: key.workspaceId,
    name,
    durationMs,
    limit,
    cost,
  }));
}

function states(
  planned: readonly PlannedRatelimit[],
  hit: Hit,
  { givenBack = false } = {},
): KeyVerdict["ratelimits"] {
  return planned.map((limit, index) => {
    const state = hit.windows[index];
    const remaining = (state?.remaining ?? 0) + (givenBack ? limit.cost : 0);
    return {
      id: limit.id ?? "",
      name: limit.name,
      limit: limit.limit,
      duration: limit.durationMs,
      reset: state?.resetAtMs ?? 0,
      remaining,
      exceeded: state?.passed === false,
      autoApply: limit.autoApply,
    };
  });
}
