import { type Account, charge, emptyAccount, readingOf } from "../../domain/accounts.ts";
import { allAvailable, type MaybePromise, whenAvailable } from "../../domain/maybePromise.ts";
import type { PlannedRatelimit } from "../../domain/ratelimits.ts";
import { type Settled, settle, settleLater } from "../../domain/settled.ts";
import type { KeyRecord, Refusal } from "../../domain/verification.ts";
import type { RunContext } from "../../operation.ts";
import { findAccounts } from "../../storage/queries/accounts.ts";
import { ownersOf } from "../../storage/queries/charges.ts";
import {
  afterSpending,
  type Counted,
  count,
  judgeStored,
  type Outcome,
  type Requested,
  refuse,
  spenderOf,
  spendOf,
  spendsFromAccounts,
  validWithoutAccounts,
} from "./verification.ts";

/** A verification of a key that was found. */
export type Verification = { key: KeyRecord; requested: Requested };

type Judged = Verification & { judged: Settled<Refusal | readonly PlannedRatelimit[]> };

/** `refusal` is undefined if the key has passed the checks of its record and its rate limits. */
type Checked = { refusal: Refusal | undefined; counted: Counted | undefined };

/**
 * Decides the verifications with the same outcomes as if `judge` were called for one after the other. Counts them
 * together, and spends in one commit, unless a verification may give back counts on which a later verification depends.
 */
export async function judgeAll(
  context: RunContext,
  verifications: readonly Verification[],
): Promise<Settled<Outcome>[]> {
  let rest: Judged[] = verifications.map(({ key, requested }) => ({
    key,
    requested,
    judged: settle(judgeStored, context, key, requested),
  }));
  const outcomes: Settled<Outcome>[] = [];
  while (rest.length > 0) {
    const together = rest.slice(0, await independentCount(context, rest));
    outcomes.push(...(await judgeTogether(context, together)));
    rest = rest.slice(together.length);
  }
  return outcomes;
}

/**
 * How many verifications, from the first on, can be decided together. If its credits or quotas do not suffice, a
 * verification gives back what it counted, and later verifications that count the same rate limit must see that. So a
 * verification whose credits or quotas may not suffice ends the group if a later one counts the same rate limit.
 */
async function independentCount(context: RunContext, rest: readonly Judged[]): Promise<number> {
  const shared = sharingCounters(rest);
  if (shared.size === 0) return rest.length;
  const known = await accountsOf(context, shared);
  for (const [index, one] of rest.entries()) {
    if (limitsOf(one) === undefined) continue;
    const accounts = ownersOf(spenderOf(one.key)).flatMap(({ id }) => known.get(id) ?? []);
    const charged = charge(accounts, one.requested.cost, context.now());
    if (!charged.isCharged && shared.has(one)) return index + 1;
    for (const account of charged.accounts) known.set(account.id, account);
  }
  return rest.length;
}

/** The verifications that spend, and that count a limit of the same key or identity as a later verification. */
function sharingCounters(rest: readonly Judged[]): Set<Judged> {
  const later = new Set<string>();
  const sharing = new Set<Judged>();
  for (const one of rest.toReversed()) {
    const limits = limitsOf(one) ?? [];
    const spends = spendsFromAccounts(one.key, one.requested);
    if (spends && limits.some(({ subject }) => later.has(subject))) sharing.add(one);
    for (const { subject } of limits) later.add(subject);
  }
  return sharing;
}

/** The rate limits that the verification counts. Undefined if an earlier check refuses it. */
function limitsOf({ judged }: Judged): readonly PlannedRatelimit[] | undefined {
  return "error" in judged || typeof judged.value === "string" ? undefined : judged.value;
}

/** The accounts that these verifications spend from. If an account cannot be read, an empty account takes its place. */
async function accountsOf(context: RunContext, of: Set<Judged>): Promise<Map<string, Account>> {
  const owners = new Map(
    [...of].flatMap(({ key }) => ownersOf(spenderOf(key))).map((owner) => [owner.id, owner]),
  );
  const found = await Promise.all(
    [...owners.values()].map(async (owner) => {
      const read = await settleLater(findAccounts, context.db, [owner], context.now());
      return "error" in read ? [emptyAccount(owner)] : read.value;
    }),
  );
  return new Map(found.flat().map((account) => [account.id, account]));
}

async function judgeTogether(
  context: RunContext,
  together: readonly Judged[],
): Promise<readonly Settled<Outcome>[]> {
  const checked = await allAvailable(
    together.map(({ judged }) => ("error" in judged ? judged : settleLater(check, context, judged.value))),
  );
  const spending = new Set(
    together
      .filter((one, index) => spendsFromAccounts(one.key, one.requested) && hasPassed(checked[index]))
      .flatMap(({ key }) => ownersOf(spenderOf(key)).map(({ id }) => id)),
  );
  return allAvailable(
    together.map((one, index) => {
      const settled = checked[index];
      if (settled === undefined) throw new Error("One key of the batch was not verified.");
      return "error" in settled ? settled : settleLater(conclude, context, one, settled.value, spending);
    }),
  );
}

function check(context: RunContext, judged: Refusal | readonly PlannedRatelimit[]): MaybePromise<Checked> {
  if (typeof judged === "string") return { refusal: judged, counted: undefined };
  return whenAvailable(count(context, judged), checkedBy);
}

function checkedBy(counted: Counted | undefined): Checked {
  return { refusal: counted?.hit.passed === false ? "RATE_LIMITED" : undefined, counted };
}

function hasPassed(checked: Settled<Checked> | undefined): boolean {
  return checked !== undefined && "value" in checked && checked.value.refusal === undefined;
}

/**
 * The outcome of a verification whose limits are counted. A refused verification spends nothing. But if other
 * verifications of the batch spend from its accounts, it reads the accounts in their commit. So its response shows what
 * the earlier verifications have left.
 */
function conclude(
  context: RunContext,
  { key, requested }: Verification,
  { refusal, counted }: Checked,
  spending: Set<string>,
): MaybePromise<Outcome> {
  const [lead] = spending;
  if (refusal === undefined) {
    if (!spendsFromAccounts(key, requested)) return validWithoutAccounts(counted);
    return afterSpending(context, context.spendCredits(spendOf(key, requested), lead), requested, counted);
  }
  const isSpentFrom = ownersOf(spenderOf(key)).some(({ id }) => spending.has(id));
  if (!isSpentFrom) return refuse(context, key, requested, refusal, counted);
  const cost = readingOf(requested.cost);
  return context
    .spendCredits({ ...spenderOf(key), cost }, lead)
    .then(({ credits, quotas }) => ({ code: refusal, credits, quotas, spent: 0, counted, hold: undefined }));
}
