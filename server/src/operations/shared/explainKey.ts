import { itemAt } from "../../domain/itemAt.ts";
import { prepareHeld } from "../../domain/permissionQuery.ts";
import { planRatelimits, prepareLimits } from "../../domain/ratelimits.ts";
import { type KeyRecord, storedChecks } from "../../domain/verification.ts";
import type { RunContext } from "../../operation.ts";
import { findOutlooks } from "../../storage/queries/accounts.ts";
import { ownersOf, unknownIn } from "../../storage/queries/charges.ts";
import { rangesOf } from "../../storage/queries/ipAllowLists.ts";
import type { KeyDetails } from "../../storage/queries/keys/read.ts";
import { listPermissionSources } from "../../storage/queries/permissionSources.ts";
import { accountChecks, firstPayable } from "./explainedAccounts.ts";
import { type Moment, ratelimitCheck, storedCheck, unknownRatelimitCheck } from "./explainedChecks.ts";
import type { Check, Explanation } from "./explanation.ts";
import { unknownQuota } from "./quotaChanges.ts";
import { parseQuery, planFailure, type Requested } from "./verification.ts";

/**
 * `passesAt`: when all checks pass if nothing else changes. Undefined if they never all pass at the same time.
 */
type Explained = { checks: Check[]; passesAt: number | undefined };

/**
 * Explains every check that a verification of this existing key would make at `atMs`. Counts and spends nothing.
 * Errors: those of `judge`, which decides a verification.
 */
export async function explainChecks(
  context: RunContext,
  details: KeyDetails,
  requested: Requested,
  atMs: number,
): Promise<Explained> {
  const key = recordOf(details);
  const text = requested.permissions;
  const query = text === undefined ? undefined : { text, parsed: parseQuery(text) };
  const sources = query === undefined ? [] : await listPermissionSources(context.db, key.workspaceId, key.id);
  const facts = { key, details, ip: requested.ip, query, sources, atMs };
  const stored = storedChecks
    .filter(({ check }) => applies(key, check))
    .map((one) => storedCheck(one, one.passes(key, atMs, requested.ip, query?.parsed), facts));
  const ratelimits = await explainRatelimits(context, key, requested, {
    atMs,
    isRefused: stored.some(({ passed }) => !passed),
  });
  const outlooks = await findOutlooks(context.db, ownersOf(details), atMs);
  const checks = [...stored, ...ratelimits];
  const accounts = outlooks.map(({ account }) => account);
  const unknown = unknownIn(accounts, requested.cost);
  if (unknown !== undefined && checks.every(({ passed }) => passed)) {
    throw unknownQuota("body.quotas", unknown, "key");
  }
  // waiting does not help a verification that names an unknown quota: it is refused, or fails with the error above
  const othersPassAt = unknown === undefined ? latestPass(checks, atMs) : undefined;
  return {
    checks: [...checks, ...accountChecks(outlooks, requested.cost, atMs)],
    passesAt: othersPassAt && firstPayable(outlooks, requested.cost, othersPassAt),
  };
}

/**
 * Errors: those of `planFailure`, but only if no earlier check refuses the key: a verification does not look at the
 * rate limits of a key that it has refused.
 */
async function explainRatelimits(
  { counters, now }: RunContext,
  key: KeyRecord,
  { ratelimits, autoApply }: Requested,
  { atMs, isRefused }: { atMs: number; isRefused: boolean },
): Promise<Check[]> {
  const plan = planRatelimits(key, ratelimits, autoApply);
  if ("flaw" in plan) {
    if (!isRefused) throw planFailure(plan.flaw);
    return [unknownRatelimitCheck(itemAt(ratelimits, plan.flaw.index))];
  }
  if (plan.planned.length === 0) return [];
  const peeked = await counters.peek(plan.planned);
  const moment: Moment = { nowMs: now(), atMs: Math.max(atMs, now()) };
  return plan.planned.map((planned, index) => ratelimitCheck(key, planned, itemAt(peeked, index), moment));
}

/**
 * Whether the check applies to this key. Each of the two checks of IP addresses applies only if its list is set: the
 * api's or the key's.
 */
function applies(key: KeyRecord, check: (typeof storedChecks)[number]["check"]): boolean {
  return (check !== "apiAddresses" && check !== "addresses") || key[check] !== undefined;
}

const otherCodes = {
  found: "NOT_FOUND",
  ipAllowList: "FORBIDDEN",
  ratelimit: "RATE_LIMITED",
  credits: "USAGE_EXCEEDED",
  quota: "USAGE_EXCEEDED",
} as const;

function codeOf({ check }: Check): Explanation["verdict"]["code"] {
  const stored = storedChecks.find((one) => one.check === check);
  return stored?.code ?? otherCodes[check as keyof typeof otherCodes];
}

/** The explanation with these checks. `key` is undefined if the key was not found. */
export function explanationOf(
  { checks, passesAt }: Explained,
  atMs: number,
  key: { id: string; expiresAtMs?: number | undefined } | undefined,
): Explanation {
  const failed = checks.find(({ passed }) => !passed);
  const code = failed === undefined ? "VALID" : codeOf(failed);
  const expiresFirst = (passesAt ?? 0) > (key?.expiresAtMs ?? Infinity);
  return {
    verdict: { valid: code === "VALID", code },
    ...(key === undefined ? {} : { keyId: key.id }),
    at: atMs,
    checks,
    ...(code === "VALID" || passesAt === undefined || expiresFirst ? {} : { passesAt }),
  };
}

/**
 * When all of these checks pass: `atMs` if none failed. Undefined if one of them never passes. Once a check passes, it
 * must stay passed. Checks of credits and quotas may not do that: `firstPayable` handles them.
 */
function latestPass(checks: readonly Check[], atMs: number): number | undefined {
  let latest = atMs;
  for (const one of checks) {
    if (one.passed) continue;
    const passesAt = "passesAt" in one ? one.passesAt : undefined;
    if (passesAt === undefined) return undefined;
    latest = Math.max(latest, passesAt);
  }
  return latest;
}

/** Converts the key to the form that verifications use. */
function recordOf(details: KeyDetails): KeyRecord {
  const { permissions } = details;
  return {
    ...details,
    apiAddresses: rangesOf(details.apiIpAllowList),
    addresses: rangesOf(details.ipAllowList),
    heldPermissions: prepareHeld(permissions),
    limits: prepareLimits(details),
    // not used: an explanation reads the accounts in any case
    hasAccount: false,
    identityHasAccount: false,
  };
}
