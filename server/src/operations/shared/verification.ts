import type { Hit } from "../../counters/counters.ts";
import {
  type Account,
  type Cost,
  type CreditsLeft,
  charge,
  type QuotaUse,
  readingOf,
} from "../../domain/accounts.ts";
import type { Address } from "../../domain/ipAddress.ts";
import { type MaybePromise, whenAvailable } from "../../domain/maybePromise.ts";
import { type PermissionQuery, parsePermissionQuery } from "../../domain/permissionQuery.ts";
import {
  type PlanFlaw,
  type PlannedRatelimit,
  planRatelimits,
  type RequestedRatelimit,
} from "../../domain/ratelimits.ts";
import { judgeKey, type KeyRecord, type Refusal } from "../../domain/verification.ts";
import { Failure, invalid } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import { findAccounts } from "../../storage/queries/accounts.ts";
import { type HoldRequest, ownersOf, type Spend, type Spent } from "../../storage/queries/charges.ts";
import { unknownQuota } from "./quotaChanges.ts";

/** What a request asks of the key that it verifies. */
export type Requested = {
  /** a permission query */
  permissions: string | undefined;
  /** whether the stored limits that apply automatically are counted */
  autoApply: boolean;
  cost: Cost;
  /** how the cost is held, if the request reserves units instead of spending them */
  hold: Omit<HoldRequest, "keyId" | "apiId"> | undefined;
  ratelimits: readonly RequestedRatelimit[];
  /** the IP address from which the key was presented */
  ip: Address | undefined;
};

/** The outcome of verifying a key that exists. */
export type Outcome = {
  code: "VALID" | Refusal;
  credits: CreditsLeft;
  /** the quotas of the key and its identity that the verification used, or would have used */
  quotas: readonly QuotaUse[];
  /** the hold that the verification created */
  hold: { id: string; amount: number; expiresAt: number } | undefined;
  /** credits that this verification spent */
  spent: number;
  counted: Counted | undefined;
};

/** Rate limits, and their windows as the counters saw them at `atMs`. */
export type Counted = { ratelimits: readonly PlannedRatelimit[]; hit: Hit; atMs: number };

/**
 * Decides whether the key is valid for the request: first by what is stored, then by its rate limits, then by its
 * credits. A refusal counts against no limit and spends nothing.
 * Errors: `permissions_query_syntax_error`, `invalid_input`, `precondition_failed`.
 */
export function judge(context: RunContext, key: KeyRecord, requested: Requested): MaybePromise<Outcome> {
  const judged = judgeStored(context, key, requested);
  if (typeof judged === "string") return refuse(context, key, requested, judged);
  return whenAvailable(count(context, judged), afterCounting, context, key, requested);
}

function afterCounting(
  counted: Counted | undefined,
  context: RunContext,
  key: KeyRecord,
  requested: Requested,
): MaybePromise<Outcome> {
  if (counted?.hit.passed === false) return refuse(context, key, requested, "RATE_LIMITED", counted);
  if (!spendsFromAccounts(key, requested)) return validWithoutAccounts(counted);
  return afterSpending(context, context.spendCredits(spendOf(key, requested)), requested, counted);
}

/**
 * Whether the verification has to read accounts. It always has to if the request names a quota or reserves units:
 * without an account, such a request must be refused.
 */
export function spendsFromAccounts(key: KeyRecord, { cost, hold }: Requested): boolean {
  return key.hasAccount || key.identityHasAccount || cost.quotas.size > 0 || hold !== undefined;
}

export function validWithoutAccounts(counted: Counted | undefined): Outcome {
  return { code: "VALID", credits: undefined, quotas: noQuotas, spent: 0, counted, hold: undefined };
}

const noQuotas: readonly QuotaUse[] = [];

/** What a verification spends. */
export function spendOf(key: KeyRecord, { cost, hold }: Requested): Spend {
  return { ...spenderOf(key), cost, hold: hold && { ...hold, keyId: key.id, apiId: key.apiId } };
}

/** Whose accounts a verification spends from: always the key's, and its identity's if the identity has an account. */
export function spenderOf({ workspaceId, subjectId, identity, identityHasAccount }: KeyRecord) {
  return { workspaceId, subjectId, identityId: identityHasAccount ? identity?.id : undefined };
}

/**
 * Judges the key by its record alone. Returns the code of the refusal, or the rate limits to count. Errors: as `judge`.
 */
export function judgeStored(
  context: RunContext,
  key: KeyRecord,
  requested: Requested,
): Refusal | readonly PlannedRatelimit[] {
  const { permissions, ip } = requested;
  const query = permissions === undefined ? undefined : parseQuery(permissions);
  return judgeKey(key, context.now(), ip, query) ?? plan(key, requested);
}

/** The outcome of a refused key. Reads what is left of credits and quotas, and spends nothing. */
export function refuse(
  context: RunContext,
  key: KeyRecord,
  { cost }: Requested,
  code: Refusal,
  counted?: Counted,
): MaybePromise<Outcome> {
  const hasAccount = key.hasAccount || key.identityHasAccount;
  const accounts = hasAccount
    ? findAccounts(context.db, ownersOf(spenderOf(key)), context.now())
    : noAccounts;
  return whenAvailable(accounts, (accounts) => {
    const { credits, quotas } = charge(accounts, readingOf(cost), context.now());
    return { code, credits, quotas, spent: 0, counted, hold: undefined };
  });
}

const noAccounts: readonly Account[] = [];

export function count(
  { counters, now }: RunContext,
  ratelimits: readonly PlannedRatelimit[],
): MaybePromise<Counted | undefined> {
  if (ratelimits.length === 0) return undefined;
  return whenAvailable(counters.hit(ratelimits), countedOf, ratelimits, now);
}

function countedOf(hit: Hit, ratelimits: readonly PlannedRatelimit[], now: () => number): Counted {
  return { ratelimits, hit, atMs: now() };
}

/** The outcome of a key that passed its rate limits. If spending is refused or fails, gives back what was counted. */
export async function afterSpending(
  context: RunContext,
  spending: Promise<Spent>,
  { cost, hold }: Requested,
  counted: Counted | undefined,
): Promise<Outcome> {
  try {
    const { credits, quotas, isCharged, unknownQuota: unknown, holdExpiresAtMs } = await spending;
    if (unknown !== undefined) throw unknownQuota("body.quotas", unknown, "key");
    if (isCharged) {
      const held = heldBy(hold, cost, holdExpiresAtMs);
      const isHeld = hold !== undefined && hold.quota === undefined; // held credits count as spent when settled
      const spent = isHeld || credits === undefined ? 0 : cost.credits;
      return { code: "VALID", credits, quotas, spent, counted, hold: held };
    }
    const free = counted && (await giveBack(context, counted));
    return { code: "USAGE_EXCEEDED", credits, quotas, spent: 0, counted: free, hold: undefined };
  } catch (error) {
    if (counted !== undefined) await context.counters.giveBack(counted.hit);
    throw error;
  }
}

function heldBy(hold: Requested["hold"], cost: Cost, expiresAt: number | undefined): Outcome["hold"] {
  if (hold === undefined || expiresAt === undefined) return undefined;
  const amount = hold.quota === undefined ? cost.credits : (cost.quotas.get(hold.quota) ?? 0);
  return { id: hold.id, amount, expiresAt };
}

/**
 * Gives back what this request counted, and reads the windows again, because other requests may have counted meanwhile.
 */
async function giveBack(context: RunContext, { ratelimits, hit }: Counted): Promise<Counted | undefined> {
  await context.counters.giveBack(hit);
  const free = ratelimits.map((limit) => ({ ...limit, cost: 0 }));
  const counted = await count(context, free);
  return counted && { ...counted, ratelimits };
}

/**
 * The rate limits to count.
 * Errors: those of `planFailure`.
 */
function plan(
  key: KeyRecord,
  { ratelimits, autoApply }: Pick<Requested, "ratelimits" | "autoApply">,
): readonly PlannedRatelimit[] {
  const result = planRatelimits(key, ratelimits, autoApply);
  if ("planned" in result) return result.planned;
  throw planFailure(result.flaw);
}

/**
 * The error for a requested rate limit whose name neither the key nor its identity has: `invalid_input` if the request
 * sends only one of `limit` and `duration`, `precondition_failed` if it sends neither.
 */
export function planFailure({ index, problem }: PlanFlaw): Failure {
  const location = `body.ratelimits[${index}]`;
  if (problem === "incomplete") {
    const message = "has only one of limit and duration, and no limit of that name is stored";
    return invalid(location, message, "send both `limit` and `duration`");
  }
  return new Failure("precondition_failed", {
    detail: `${location}.name: neither the key nor its identity has a rate limit of this name. Store such a limit, or send limit and duration.`,
  });
}

const maxParsedQueries = 1_000;
const parsedQueries = new Map<string, PermissionQuery>();

/**
 * Parses a permission query. Parsed queries are cached, because programs send the same few queries again and again.
 * Errors: `permissions_query_syntax_error`.
 */
export function parseQuery(text: string): PermissionQuery {
  const known = parsedQueries.get(text);
  if (known !== undefined) return known;
  const parsed = parsePermissionQuery(text);
  if ("query" in parsed) {
    if (parsedQueries.size >= maxParsedQueries) parsedQueries.clear();
    parsedQueries.set(text, parsed.query);
    return parsed.query;
  }
  const { position, message, fix } = parsed.error;
  throw new Failure("permissions_query_syntax_error", {
    detail: `Position ${position} of the permissions query: ${message}.`,
    flaws: [{ location: "body.permissions", message: `${message} (position ${position})`, fix }],
  });
}
