import { z } from "zod";
import type { Hit } from "../../counters/counters.ts";
import { may } from "../../domain/caller.ts";
import { evaluatePermissionQuery } from "../../domain/permissionQuery.ts";
import type { AskedRatelimit, PlannedRatelimit } from "../../domain/ratelimits.ts";
import { type Soon, soon } from "../../domain/soon.ts";
import { judgeKey, type KeyRecord } from "../../domain/verification.ts";
import { operation, type RunContext } from "../../operation.ts";
import { workspaceKey } from "../../storage/cache.ts";
import { findRemaining } from "../../storage/queries/balances.ts";
import { askedRatelimits, planAsked, readQuery } from "../askedOfKey.ts";
import { refuseRepeatedNames, text } from "../fields.ts";
import { findMigratedKey } from "../firstVerification.ts";
import {
  countedRatelimits,
  type KeyVerdict,
  type Refusal,
  type Verdict,
  verdict,
  verdictOn,
} from "../verdict.ts";

const input = z.strictObject({
  key: text(1, 512).describe("The whole key, exactly as it was issued.").meta({ secret: true }),
  tags: z.array(text(1, 512)).max(20).optional(),
  permissions: text(1, 1000).optional(),
  credits: z.strictObject({ cost: z.int().min(0).max(1_000_000_000_000) }).optional(),
  ratelimits: z
    .array(
      z.strictObject({
        name: text(3, 255),
        cost: z.int().min(0).optional(),
        limit: z.int().min(1).optional(),
        duration: z.int().min(1000).optional(),
      }),
    )
    .max(50)
    .superRefine(refuseRepeatedNames)
    .optional(),
  migrationId: text(0, 256).optional(),
});

export const verifyKey = operation({
  name: "keys.verifyKey",
  summary: "Verify a key",
  description:
    "Answers whether a request made with this key may pass. Every verdict is a 200: look at `valid`, then at `code`.",
  permission: "api.<id>.verify_key",
  input,
  output: verdict,
  errors: ["permissions_query_syntax_error", "key_malformed", "precondition_failed"],
  example: {
    input: { key: "prod_2cGKbMxRyIzhCxo1Idjz8q", ratelimits: [{ name: "requests" }] },
    output: { valid: true, code: "VALID", keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", enabled: true },
  },
  frequent: true,

  run(input, context): Soon<Verdict> {
    const limits = askedRatelimits(input.ratelimits ?? [], context.limits);
    return soon(findKey(context, input.key, input.migrationId), (key): Soon<Verdict> => {
      if (key === undefined || !may(context.caller, "api", key.apiId, "verify_key")) {
        return { valid: false, code: "NOT_FOUND" };
      }
      return soon(judge(context, key, input, limits), (answer) => {
        record(context, key, input, answer);
        return answer;
      });
    });
  },
});

type Asked = z.output<typeof input>;

function record({ usage, nowMs, requestId }: RunContext, key: KeyRecord, asked: Asked, answer: KeyVerdict) {
  usage.record({
    atMs: nowMs,
    workspaceId: key.workspaceId,
    requestId,
    keyId: key.id,
    identityId: key.identity?.id,
    apiId: key.apiId,
    namespaceId: undefined,
    outcome: answer.code,
    credits: answer.valid && key.hasBalance ? (asked.credits?.cost ?? 1) : 0,
    tags: asked.tags ?? [],
  });
}

function judge(
  context: RunContext,
  key: KeyRecord,
  asked: Asked,
  limits: readonly AskedRatelimit[],
): Soon<KeyVerdict> {
  const query = asked.permissions === undefined ? undefined : readQuery(asked.permissions);
  const refused = judgeKey(key, context.nowMs);
  if (refused !== undefined) return refusal(context, key, refused);
  if (query !== undefined && !evaluatePermissionQuery(query, key.granted)) {
    return refusal(context, key, "INSUFFICIENT_PERMISSIONS");
  }
  const planned = planAsked(key, limits);
  const hit = planned.length === 0 ? undefined : context.counters.hit(planned);
  return soon(hit, (hit): Soon<KeyVerdict> => {
    const ratelimits = hit && { ratelimits: countedRatelimits(planned, hit) };
    if (hit?.passed === false) {
      return soon(refusal(context, key, "RATE_LIMITED"), (refused) => ({ ...refused, ...ratelimits }));
    }
    if (key.hasBalance) return spend(context, key, asked.credits?.cost ?? 1, planned, hit);
    return Object.assign(verdictOn(key, "VALID"), ratelimits);
  });
}

function findKey(context: RunContext, key: string, migrationId: string | undefined) {
  const found = context.keyCache.find(workspaceKey(context.caller.workspaceId, context.hashKey(key)));
  if (migrationId === undefined || migrationId === "" || !(found instanceof Promise)) return found;
  return found.then((one) => one ?? findMigratedKey(context, key, migrationId));
}

/** Windows first, then credits: where these refuse or fail, the windows are given back before the answer. */
async function spend(
  context: RunContext,
  key: KeyRecord,
  cost: number,
  planned: readonly PlannedRatelimit[],
  hit: Hit | undefined,
): Promise<KeyVerdict> {
  const ratelimits = hit && { ratelimits: countedRatelimits(planned, hit) };
  const { workspaceId, subjectId } = key;
  try {
    const spent = await context.spendCredits({ workspaceId, subjectId, cost, nowMs: context.nowMs });
    if (spent === "unlimited") return { ...verdictOn(key, "VALID"), ...ratelimits };
    if (spent.granted) return { ...verdictOn(key, "VALID"), credits: spent.remaining, ...ratelimits };
    const givenBack = hit && { ratelimits: await giveBack(context, planned, hit) };
    return { ...verdictOn(key, "USAGE_EXCEEDED"), credits: spent.remaining, ...givenBack };
  } catch (error) {
    if (hit !== undefined) await context.counters.giveBack(hit);
    throw error;
  }
}

/** The windows as they are without what this call took, looked at again: others may have counted meanwhile. */
async function giveBack(
  { counters }: RunContext,
  planned: readonly PlannedRatelimit[],
  hit: Hit,
): Promise<KeyVerdict["ratelimits"]> {
  await counters.giveBack(hit);
  const looked = await counters.hit(planned.map((limit) => ({ ...limit, cost: 0 })));
  return countedRatelimits(planned, looked);
}

function refusal(context: RunContext, key: KeyRecord, code: Refusal): Soon<KeyVerdict> {
  if (!key.hasBalance) return verdictOn(key, code);
  const remaining = findRemaining(context.db, { ...key, nowMs: context.nowMs });
  return soon(remaining, (credits) => ({
    ...verdictOn(key, code),
    ...(credits !== undefined && { credits }),
  }));
}
