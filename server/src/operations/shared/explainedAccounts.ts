import { type Account, type Cost, concerned } from "../../domain/accounts.ts";
import { firstTime, type Outlook } from "../../domain/outlooks.ts";
import { availableOf, nextResetsMs, type Quota, remainingOf } from "../../domain/quotas.ts";
import type { Check } from "./explanation.ts";
import { creditsText, timeText } from "./explanationWords.ts";

/**
 * Explains the checks of the credits and quotas of the key and its identity. `atMs` is the time when the outlooks
 * begin.
 */
export function accountChecks(outlooks: readonly Outlook[], cost: Cost, atMs: number): Check[] {
  const limited = outlooks.filter(({ account }) => account.credits.remaining !== null);
  const credits =
    limited.length === 0 ? [unlimited(cost)] : limited.map((outlook) => creditsCheck(outlook, cost, atMs));
  const quotas = outlooks.flatMap((outlook) =>
    concerned(outlook.account, cost).map(({ quota, units }) => quotaCheck(outlook, quota, units, atMs)),
  );
  return [...credits, ...quotas];
}

/** The first time from `fromMs` on at which all accounts can pay the cost. Undefined if they never can. */
export function firstPayable(outlooks: readonly Outlook[], cost: Cost, fromMs: number): number | undefined {
  const needs = outlooks.flatMap(({ account, steps }) => [
    { steps: steps(undefined), cost: cost.credits },
    ...concerned(account, cost).map(({ quota, units }) => ({ steps: steps(quota.name), cost: units })),
  ]);
  return firstTime(needs, fromMs);
}

function unlimited({ credits: cost }: Cost): Check {
  return { check: "credits", passed: true, cost, why: "The key's credits are unlimited." };
}

function creditsCheck({ account, steps }: Outlook, { credits: cost }: Cost, atMs: number): Check {
  const remaining = remainingCredits(account);
  const passed = remaining >= cost;
  const facts = { check: "credits", passed, owner: account.kind, remaining, cost } as const;
  const ofIdentity = account.kind === "identity" ? " of the identity's" : "";
  const why = `The verification costs ${creditsText(cost)}, and ${remaining}${ofIdentity} ${remaining === 1 ? "is" : "are"} left.`;
  if (passed) return { ...facts, why };
  const add = account.kind === "key" ? "keys.updateCredits" : "identities.updateCredits";
  const passesAt = firstTime([{ steps: steps(undefined), cost }], atMs);
  if (passesAt === undefined) return { ...facts, why, fix: `Add credits with ${add}, or lower the cost.` };
  const what = passesAt === account.credits.nextRefillAtMs ? "the refill" : "a reservation to expire";
  const fix = `Wait for ${what} at ${timeText(passesAt)}, add credits with ${add}, or lower the cost.`;
  return { ...facts, passesAt, why, fix };
}

function remainingCredits({ credits }: Account): number {
  return credits.remaining ?? Number.MAX_SAFE_INTEGER;
}

function quotaCheck({ account, steps }: Outlook, quota: Quota, cost: number, atMs: number): Check {
  const { name, limit, used, period } = quota;
  const owner = account.kind;
  const remaining = remainingOf(quota);
  const passed = cost <= availableOf(quota);
  const resetsAt = period?.endMs;
  const facts = {
    check: "quota",
    passed,
    name,
    owner,
    limit,
    used,
    remaining,
    cost,
    ...(resetsAt === undefined ? {} : { resetsAt }),
  } as const;
  const why = `${used} of ${limit} used in this period, ${remaining} left: there is ${passed ? "" : "no "}room for a cost of ${cost}.`;
  if (passed) return { ...facts, why };
  const passesAt = firstTime([{ steps: steps(name), cost }], atMs);
  const otherFixes = `grant more with quotas.grant, raise the ${owner}'s limit, or lower the cost`;
  if (passesAt === undefined) return { ...facts, why, fix: `Waiting does not help: ${otherFixes}.` };
  const fix = `Wait for ${changeAt(quota, passesAt)} at ${timeText(passesAt)}, ${otherFixes}.`;
  return { ...facts, passesAt, why, fix };
}

/** What gives the quota more units at `passesAt`. */
function changeAt(quota: Quota, passesAt: number): string {
  const [next, afterNext] = nextResetsMs(quota);
  if (passesAt === next) return "the next period";
  return passesAt === afterNext ? "the period after the next" : "a reservation to expire";
}
