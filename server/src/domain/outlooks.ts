import { type Account, type AccountTaken, accountAt, availableIn, giveBack } from "./accounts.ts";
import { nextResetsMs } from "./quotas.ts";

/** Units that an account will get back at `atMs`, when a hold expires. */
export type ReturnedUnits = Omit<AccountTaken, "accountId"> & { units: number; atMs: number };

/** From `atMs` until the next step, at most `available` units can be taken. */
export type Step = { atMs: number; available: number };

/** How an account will change from a certain time on, if its owner spends nothing. */
export type Outlook = {
  /** the account at the time at which the outlook begins */
  account: Account;
  /** Returns the steps of the quota with this name, or of the credits if `quota` is undefined, in order of time. */
  steps(quota: string | undefined): Step[];
};

/** The outlook of an account from `fromMs` on. `account` is the account at that time, and all `returns` are later. */
export function outlookOf(account: Account, returns: readonly ReturnedUnits[], fromMs: number): Outlook {
  return {
    account,
    steps(quota) {
      const quotas = account.quotas.filter(({ name }) => name === quota);
      const own = returns.filter((one) => one.quota === quota);
      return stepsOf({ ...account, quotas }, own, fromMs);
    },
  };
}

/**
 * The steps of the account's only quota, or of its credits if it has no quota. All periods after the second reset are
 * alike, so this function treats the period that begins then as the last. Computing periods is expensive. There are
 * only three to compute, however many returns and grants there are.
 */
function stepsOf(account: Account, returns: readonly ReturnedUnits[], fromMs: number): Step[] {
  const [quota] = account.quotas;
  const resets = quota === undefined ? [account.credits.nextRefillAtMs ?? 0] : nextResetsMs(quota);
  const grants = [
    ...(quota?.grants ?? []),
    ...returns.flatMap(({ taken }) =>
      taken.parts.flatMap(({ from }) => (typeof from === "string" ? [] : from)),
    ),
  ];
  const lossesMs = new Set(grants.map(({ expiresAtMs }) => expiresAtMs ?? 0));
  const times = [fromMs, ...[...resets, ...lossesMs].filter((ms) => ms > fromMs)];
  const events = [
    ...times.map((atMs) => ({ atMs, back: undefined })),
    ...returns.map((back) => ({ atMs: back.atMs, back })),
  ];
  let current = account;
  return events
    .sort((one, other) => one.atMs - other.atMs)
    .map(({ atMs, back }) => {
      current = accountAt(current, atMs);
      if (atMs === resets.at(-1)) current = withLastPeriod(current);
      if (back !== undefined) current = giveBack(current, back, back.units, atMs);
      return { atMs, available: availableIn([current], quota?.name) };
    });
}

function withLastPeriod(account: Account): Account {
  const quotas = account.quotas.map((quota) =>
    quota.period === null
      ? quota
      : { ...quota, period: { ...quota.period, endMs: Number.POSITIVE_INFINITY } },
  );
  return { ...account, quotas };
}

/** A request for `cost` units of the quota, or of the credits, that these steps describe. */
export type Need = { steps: readonly Step[]; cost: number };

/** The first time from `fromMs` on at which all these needs can be met together. Undefined if there is no such time. */
export function firstTime(needs: readonly Need[], fromMs: number): number | undefined {
  const refusals = needs.flatMap(({ steps, cost }) =>
    steps.flatMap(({ atMs, available }, index) =>
      available >= cost ? [] : { startMs: atMs, endMs: steps[index + 1]?.atMs ?? Number.POSITIVE_INFINITY },
    ),
  );
  const first = refusals
    .sort((one, other) => one.startMs - other.startMs)
    .reduce((ms, { startMs, endMs }) => (startMs <= ms ? Math.max(ms, endMs) : ms), fromMs);
  return first === Number.POSITIVE_INFINITY ? undefined : first;
}
