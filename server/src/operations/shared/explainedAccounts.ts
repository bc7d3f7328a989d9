import { type Account, type Cost, charge, concerned } from "../../domain/accounts.ts";
import { availableOf, type Quota, remainingOf } from "../../domain/quotas.ts";
import type { Outlook } from "../../storage/queries/accounts.ts";
import type { Check } from "./explanation.ts";
import { creditsText, timeText } from "./explanationWords.ts";

/** Explains the credits and quotas of the key and its identity, as they will be at `atMs`. The outlooks begin then. */
export function accountChecks(outlooks: readonly Outlook[], cost: Cost, atMs: number): Check[] {
  const limited = outlooks.filter((outlook) => outlook.at(atMs).credits.remaining !== null);
  const credits =
    limited.length === 0 ? [unlimited(cost)] : limited.map((outlook) => creditsCheck(outlook, cost, atMs));
  const quotas = outlooks.flatMap((outlook) =>
    concerned(outlook.at(atMs), cost).map(({ quota, units }) => quotaCheck(outlook, quota, units, atMs)),
  );
  return [...credits, ...quotas];
}

/** The first time from `fromMs` on at which all accounts can pay the cost. Undefined if they never can. */
export function firstPayable(outlooks: readonly Outlook[], cost: Cost, fromMs: number): number | undefined {
  const changes = outlooks.flatMap(({ changesAtMs }) => changesAtMs).filter((ms) => ms > fromMs);
  const times = [fromMs, ...changes.sort((one, other) => one - other)];
  const accountsAt = (ms: number) => outlooks.map((outlook) => outlook.at(ms));
  return times.find((ms) => charge(accountsAt(ms), cost, ms).granted);
}

function unlimited({ credits: cost }: Cost): Check {
  return { check: "credits", passed: true, cost, why: "The key's credits are unlimited." };
}

function creditsCheck(outlook: Outlook, { credits: cost }: Cost, atMs: number): Check {
  const account = outlook.at(atMs);
  const remaining = remainingCredits(account);
  const passed = remaining >= cost;
  const facts = { check: "credits", passed, owner: account.kind, remaining, cost } as const;
  const ofIdentity = account.kind === "identity" ? " of the identity's" : "";
  const why = `The verification costs ${creditsText(cost)}, and ${remaining}${ofIdentity} ${remaining === 1 ? "is" : "are"} left.`;
  if (passed) return { ...facts, why };
  const add = account.kind === "key" ? "keys.updateCredits" : "identities.updateCredits";
  const passesAt = firstTime(outlook, (later) => remainingCredits(later) >= cost);
  if (passesAt === undefined) return { ...facts, why, fix: `Add credits with ${add}, or lower the cost.` };
  const what = passesAt === account.credits.nextRefillAtMs ? "the refill" : "a reservation to expire";
  const fix = `Wait for ${what} at ${timeText(passesAt)}, add credits with ${add}, or lower the cost.`;
  return { ...facts, passesAt, why, fix };
}

function remainingCredits({ credits }: Account): number {
  return credits.remaining ?? Number.MAX_SAFE_INTEGER;
}

function quotaCheck(outlook: Outlook, quota: Quota, cost: number, atMs: number): Check {
  const { name, limit, used, period } = quota;
  const owner = outlook.at(atMs).kind;
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
  const passesAt = firstTime(outlook, (later) => hasRoom(later, name, cost));
  const otherFixes = `grant more with quotas.grant, raise the ${owner}'s limit, or lower the cost`;
  if (passesAt === undefined) return { ...facts, why, fix: `Waiting does not help: ${otherFixes}.` };
  const fix = `Wait for ${changeAt(outlook, name, passesAt, resetsAt)} at ${timeText(passesAt)}, ${otherFixes}.`;
  return { ...facts, passesAt, why, fix };
}

/** What gives the quota more units at `passesAt`. `resetsAt`: when its next period begins. */
function changeAt(outlook: Outlook, name: string, passesAt: number, resetsAt: number | undefined): string {
  if (passesAt === resetsAt) return "the next period";
  const { period } = outlook.at(passesAt).quotas.find((one) => one.name === name) ?? {};
  return period?.startMs === passesAt ? "the period after the next" : "a reservation to expire";
}

function hasRoom({ quotas }: Account, name: string, cost: number): boolean {
  const quota = quotas.find((one) => one.name === name);
  return quota === undefined || cost <= availableOf(quota);
}

function firstTime(
  { changesAtMs, at }: Outlook,
  suffices: (account: Account) => boolean,
): number | undefined {
  return changesAtMs.find((ms) => suffices(at(ms)));
}
