import { type Balance, nextRefillAt, refilled, scheduleOf } from "./credits.ts";
import {
  availableOf,
  giveBackTo,
  newQuota,
  type Quota,
  type QuotaRule,
  quotaAt,
  remainingOf,
  type Taken,
  takeFrom,
  withRule,
} from "./quotas.ts";

/** Credits and quotas belong to a key or to an identity. If both have some, both must suffice for a verification. */
export type OwnerKind = "key" | "identity";

/**
 * The credits and quotas of one owner. `id` is a key's `subjectId` or an identity's id. `creditsEpoch` is incremented
 * whenever the credits are refilled or set. So a hold knows whether its units are still part of the balance.
 */
export type Account = {
  id: string;
  workspaceId: string;
  kind: OwnerKind;
  credits: Balance;
  creditsEpoch: number;
  quotas: readonly Quota[];
};

/**
 * What a request spends: credits, units of the quotas that it names, and `automatic` units of every other quota with
 * `autoApply`. If `automatic` is undefined, those other quotas are not charged.
 */
export type Cost = { credits: number; quotas: ReadonlyMap<string, number>; automatic: number | undefined };

/** A cost in credits only. */
export function creditsOnly(credits: number): Cost {
  return { credits, quotas: new Map(), automatic: undefined };
}

/** A cost in units of one quota only, or in credits if `quota` is undefined. */
export function unitsOf(quota: string | undefined, units: number): Cost {
  if (quota === undefined) return creditsOnly(units);
  return { credits: 0, quotas: new Map([[quota, units]]), automatic: undefined };
}

/** A cost of 0 for the same credits and quotas. Charging it takes nothing and shows what is left. */
export function readingOf({ quotas, automatic }: Cost): Cost {
  const names = [...quotas.keys()].map((name) => [name, 0] as const);
  return { credits: 0, quotas: new Map(names), automatic: automatic === undefined ? undefined : 0 };
}

/** The state of a quota after a charge. A refused charge has taken nothing. */
export type QuotaUse = {
  owner: OwnerKind;
  name: string;
  limit: number;
  used: number;
  remaining: number;
  resetsAtMs: number | undefined;
  exceeded: boolean;
  /** the threshold that this request crossed, in percent */
  crossed: number | undefined;
};

/** The credits that are left: the key's or its identity's, whichever are fewer. Undefined if both are unlimited. */
export type CreditsLeft = { remaining: number; owner: OwnerKind } | undefined;

/** What a request took from one account: units of `quota`, or credits if `quota` is undefined. */
export type AccountTaken = { accountId: string; quota: string | undefined; taken: Taken };

export type Charged = {
  /** whether the accounts had enough, and were charged; if not, none of them was */
  isCharged: boolean;
  /** the accounts after the charge; unchanged if `isCharged` is false */
  accounts: readonly Account[];
  credits: CreditsLeft;
  quotas: readonly QuotaUse[];
  taken: readonly AccountTaken[];
};

/** An account from which nothing can be spent. */
export function emptyAccount(owner: Pick<Account, "id" | "workspaceId" | "kind">): Account {
  const credits = { remaining: 0, refillAmount: null, refillDay: null, nextRefillAtMs: null };
  return { ...owner, credits, creditsEpoch: 0, quotas: [] };
}

/** The account at `nowMs`, after the refills and resets that are due. */
export function accountAt(account: Account, nowMs: number): Account {
  const credits = account.credits.remaining === null ? account.credits : refilled(account.credits, nowMs);
  const isRefilled = credits !== account.credits;
  return {
    ...account,
    credits,
    creditsEpoch: account.creditsEpoch + (isRefilled ? 1 : 0),
    quotas: account.quotas.map((quota) => quotaAt(quota, nowMs)).filter(isKept),
  };
}

/**
 * A removed quota is kept while units are used in its current period, or while it has unspent grants, so that adding it
 * again does not reset its use or lose its grants.
 */
function isKept({ isRemoved, period, used, grants }: Quota): boolean {
  return !isRemoved || (period !== null && used > 0) || grants.length > 0;
}

/** A limited balance. The refill is daily if `refill.day` is undefined. */
export type Credits = {
  remaining: number;
  refill: { amount: number; day: number | undefined } | undefined;
};

/** The credits that these columns of `balances` store. Undefined if the credits are unlimited. */
export function creditsOf({ remaining, refillAmount, refillDay }: Balance): Credits | undefined {
  if (remaining === null) return undefined;
  const refill = refillAmount === null ? undefined : { amount: refillAmount, day: refillDay ?? undefined };
  return { remaining, refill };
}

/**
 * The account with other credits, or with unlimited credits if `credits` is undefined. `isSet`: the balance was set,
 * not incremented or decremented. Credits that a hold took from the old balance are then not given back to the new
 * balance.
 */
export function withCredits(
  account: Account,
  credits: Credits | undefined,
  { isSet, nowMs }: { isSet: boolean; nowMs: number },
): Account {
  return {
    ...account,
    credits: balanceOf(credits, nowMs),
    creditsEpoch: account.creditsEpoch + (isSet ? 1 : 0),
  };
}

/**
 * The columns that store these credits. The next refill is the first after `nowMs`. Undefined credits are unlimited.
 */
export function balanceOf(credits: Credits | undefined, nowMs: number): Balance {
  const refill = credits?.refill;
  return {
    remaining: credits?.remaining ?? null,
    refillAmount: refill?.amount ?? null,
    refillDay: refill?.day ?? null,
    nextRefillAtMs: refill === undefined ? null : nextRefillAt(scheduleOf(refill.day), nowMs),
  };
}

/** The account's quotas, without removed quotas. */
export function quotasOf({ quotas }: Pick<Account, "quotas">): Quota[] {
  return quotas.filter(({ isRemoved }) => !isRemoved);
}

/** An account keeps at most this many removed quotas. */
const maxRemoved = 50;

/**
 * The quotas of an account after `rules` have replaced them all. If the account already has a quota with the name of a
 * rule, that quota keeps what it has used, unless `anew` contains the name.
 */
export function replaceQuotas(
  current: readonly Quota[],
  rules: readonly QuotaRule[],
  anew: ReadonlySet<string>,
  nowMs: number,
): Quota[] {
  const byName = new Map(current.map((quota) => [quota.name, quota]));
  const set = rules.map((rule) => {
    const existing = byName.get(rule.name);
    byName.delete(rule.name);
    if (existing === undefined) return quotaAt(newQuota(rule, nowMs), nowMs);
    const changed = { ...withRule(existing, rule, nowMs), isRemoved: false };
    if (!anew.has(rule.name)) return changed;
    const { grants, epoch } = existing;
    return quotaAt({ ...newQuota(rule, nowMs), grants, epoch: epoch + 1 }, nowMs);
  });
  const removed = [...byName.values()].map((quota) => ({ ...quota, isRemoved: true })).filter(isKept);
  return [...set, ...removed.slice(-maxRemoved)];
}

/** Takes the whole cost from every account, or nothing from any. `accounts` must come from `accountAt`. */
export function charge(accounts: readonly Account[], cost: Cost, nowMs: number): Charged {
  const [only] = accounts;
  if (only !== undefined && accounts.length === 1 && only.quotas.length === 0) {
    return chargeCredits(only, accounts, cost.credits);
  }
  const lacking = new Set(accounts.flatMap((account) => lackingQuotas(account, cost)));
  const hasCredits = accounts.every(({ credits }) => (credits.remaining ?? cost.credits) >= cost.credits);
  if (lacking.size > 0 || !hasCredits) {
    const quotas = accounts.flatMap((account) =>
      concerned(account, cost).map(({ quota }) => useOf(account, quota, lacking.has(quota))),
    );
    return { isCharged: false, accounts, credits: creditsLeft(accounts), quotas, taken: [] };
  }
  const charged = accounts.map((account) => chargeOne(account, cost, nowMs));
  const after = charged.map(({ account }) => account);
  return {
    isCharged: true,
    accounts: after,
    credits: creditsLeft(after),
    quotas: charged.flatMap(({ quotas }) => quotas),
    taken: charged.flatMap(({ taken }) => taken),
  };
}

/**
 * Like `charge`, for a single account without quotas. Most charges are of this kind, and this function takes a tenth of
 * the time.
 */
function chargeCredits(account: Account, unchanged: readonly Account[], units: number): Charged {
  const { id, kind, credits, creditsEpoch } = account;
  const { remaining } = credits;
  const [quotas, taken] = [noQuotas, nothingTaken];
  if (remaining === null) return { isCharged: true, accounts: unchanged, credits: undefined, quotas, taken };
  if (remaining < units) {
    return { isCharged: false, accounts: unchanged, credits: { remaining, owner: kind }, quotas, taken };
  }
  if (units === 0)
    return { isCharged: true, accounts: unchanged, credits: { remaining, owner: kind }, quotas, taken };
  const left = remaining - units;
  const parts = [{ from: "limit" as const, units }];
  return {
    isCharged: true,
    accounts: [{ ...account, credits: { ...credits, remaining: left } }],
    credits: { remaining: left, owner: kind },
    quotas,
    taken: [{ accountId: id, quota: undefined, taken: { epoch: creditsEpoch, parts } }],
  };
}

const noQuotas: readonly QuotaUse[] = [];
const nothingTaken: readonly AccountTaken[] = [];

/** The account's quotas from which this cost takes units, and how many units of each. */
export function concerned(account: Account, { quotas, automatic }: Cost): { quota: Quota; units: number }[] {
  return quotasOf(account).flatMap((quota) => {
    const units = quotas.get(quota.name) ?? (quota.autoApply ? automatic : undefined);
    return units === undefined ? [] : [{ quota, units }];
  });
}

function lackingQuotas(account: Account, cost: Cost): Quota[] {
  return concerned(account, cost)
    .filter(({ quota, units }) => units > availableOf(quota))
    .map(({ quota }) => quota);
}

function chargeOne(account: Account, cost: Cost, nowMs: number) {
  const { credits, creditsEpoch } = account;
  const uses: QuotaUse[] = [];
  const taken: AccountTaken[] = [];
  const quotas = new Map(account.quotas.map((quota) => [quota.name, quota]));
  for (const { quota, units } of concerned(account, cost)) {
    const { after, taken: part, crossed } = takeFrom(quota, units, nowMs);
    quotas.set(quota.name, after);
    uses.push({ ...useOf(account, after, false), crossed });
    if (units > 0) taken.push({ accountId: account.id, quota: quota.name, taken: part });
  }
  if (credits.remaining !== null && cost.credits > 0) {
    const parts = [{ from: "limit" as const, units: cost.credits }];
    taken.push({ accountId: account.id, quota: undefined, taken: { epoch: creditsEpoch, parts } });
  }
  const remaining = credits.remaining === null ? null : credits.remaining - cost.credits;
  return {
    account: { ...account, credits: { ...credits, remaining }, quotas: [...quotas.values()] },
    quotas: uses,
    taken,
  };
}

/** The quota as a response shows it. */
function useOf({ kind }: Account, quota: Quota, exceeded: boolean): QuotaUse {
  const { name, limit, used, period } = quota;
  const resetsAtMs = period?.endMs;
  return {
    owner: kind,
    name,
    limit,
    used,
    remaining: remainingOf(quota),
    resetsAtMs,
    exceeded,
    crossed: undefined,
  };
}

function creditsLeft(accounts: readonly Account[]): CreditsLeft {
  return accounts
    .flatMap(({ credits, kind }) =>
      credits.remaining === null ? [] : [{ remaining: credits.remaining, owner: kind }],
    )
    .reduce<CreditsLeft>(
      (least, one) => (least === undefined || one.remaining < least.remaining ? one : least),
      undefined,
    );
}

/** The largest cost that every account can still pay: in units of `quota`, or in credits if `quota` is undefined. */
export function availableIn(accounts: readonly Account[], quota: string | undefined): number {
  const each = accounts.flatMap((account) => {
    if (quota === undefined) return account.credits.remaining ?? [];
    return quotasOf(account)
      .filter(({ name }) => name === quota)
      .map(availableOf);
  });
  return Math.min(Number.MAX_SAFE_INTEGER, ...each);
}

/**
 * Gives back `units` of what a request took from this account, beginning with the units that were taken last. Units are
 * lost if they were taken before the credits were last refilled or set, or before the quota was last reset. But units
 * of a grant are given back until the grant expires.
 */
export function giveBack(
  account: Account,
  { quota, taken }: Omit<AccountTaken, "accountId">,
  units: number,
  nowMs: number,
): Account {
  if (quota !== undefined) {
    const quotas = account.quotas.map((one) =>
      one.name === quota ? giveBackTo(one, taken, units, nowMs) : one,
    );
    return { ...account, quotas };
  }
  const { remaining } = account.credits;
  if (remaining === null || account.creditsEpoch !== taken.epoch) return account;
  const after = Math.min(Number.MAX_SAFE_INTEGER, remaining + units);
  return { ...account, credits: { ...account.credits, remaining: after } };
}
