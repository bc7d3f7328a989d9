import { type Account, availableIn, charge, giveBack, unitsOf } from "../../domain/accounts.ts";
import type { Tx } from "../schema.ts";
import { type AccountBook, lockAccounts, movementOf, type Owner, saveAccounts } from "./accounts.ts";
import { bookCharge, ownersOf } from "./charges.ts";
import { type Hold, lockChargedHolds, lockHold, setHoldEnded, takeParts } from "./holds.ts";

/** How a caller ends a hold: settles it for an amount, or releases it, so that all its units are given back. */
export type HoldEnd = { kind: "settle"; amount: number } | { kind: "release" };

/**
 * The outcome of a hold that has ended. `charged` and `shortfall` add up to `amount`. `isLate`: the hold had expired
 * before the call that ended it, and its units had been given back. So the call charged the amount to the current
 * balance.
 */
export type HoldOutcome = {
  kind: HoldEnd["kind"];
  /** the amount for which the caller settled the hold */
  amount: number;
  charged: number;
  returned: number;
  shortfall: number;
  isLate: boolean;
};

type By = { now: () => number; newId: () => string; actorId: string };

/**
 * The result of ending a hold. `spent`: the credits that this call has charged to a limited balance; 0 if an earlier
 * call had already ended the hold.
 */
type Ended = { outcome: HoldOutcome; spent: number };

/**
 * Ends a hold, at most once. If the hold has already ended with the same result, returns the first outcome. If it has
 * ended with a different result, such as another amount, returns `ended_otherwise`. Returns `undefined` if the hold no
 * longer exists. `found` is the hold as it was read before this transaction.
 */
export async function settleHold(
  tx: Tx,
  found: Hold,
  end: HoldEnd,
  by: By,
): Promise<Ended | "ended_otherwise" | undefined> {
  const owners = ownersOf(found);
  const book = await lockAccounts(tx, owners, by.now);
  // read again, because another transaction may have ended the hold in the meantime
  const hold = await lockHold(tx, found.workspaceId, found.id);
  if (hold === undefined) return undefined;
  const first = firstOutcome(hold, book.nowMs);
  if (first !== undefined) {
    await saveAccounts(tx, book, by.newId);
    return isSameEnd(first, end) ? { outcome: first, spent: 0 } : "ended_otherwise";
  }
  const outcome = await endNow(tx, hold, end, { book, owners });
  addToLedger(book, hold, outcome, by.actorId);
  await saveAccounts(tx, book, by.newId);
  const isLimited = accountsOf(book, owners).some(({ credits }) => credits.remaining !== null);
  return { outcome, spent: hold.quota === null && isLimited ? outcome.charged : 0 };
}

/**
 * Returns the outcome of a hold that has ended, or `undefined` if a call may still end the hold. An expired hold whose
 * `onExpiry` is "charge" has ended: it counts as settled for its full amount.
 */
function firstOutcome(hold: Hold, nowMs: number): HoldOutcome | undefined {
  const { outcome, onExpiry, amount } = hold;
  if (outcome !== null) return JSON.parse(outcome) as HoldOutcome;
  if (onExpiry !== "charge" || !hasExpired(hold, nowMs)) return undefined;
  return chargedInFull(amount);
}

function chargedInFull(amount: number): HoldOutcome {
  return { kind: "settle", amount, charged: amount, returned: 0, shortfall: 0, isLate: false };
}

/**
 * Ends at most `limit` expired holds of credits whose `onExpiry` is "charge", in all workspaces. Returns these holds.
 * `spent`: the credits that the hold has charged to a limited balance.
 */
export async function endChargedHolds(
  tx: Tx,
  nowMs: number,
  limit: number,
): Promise<{ hold: Hold; spent: number }[]> {
  const holds = await lockChargedHolds(tx, { nowMs, limit });
  await Promise.all(
    holds.map(({ workspaceId, id, amount }) => {
      const outcome = JSON.stringify(chargedInFull(amount));
      return setHoldEnded(tx, { workspaceId, id, endedAtMs: nowMs, outcome });
    }),
  );
  return holds.map(({ isLimited, ...hold }) => ({ hold, spent: isLimited === 1 ? hold.amount : 0 }));
}

/**
 * Returns whether a hold has expired: by the clock of this node, or because another node has already applied the
 * expiry.
 */
function hasExpired({ expiresAtMs, endedAtMs }: Hold, nowMs: number): boolean {
  return expiresAtMs <= nowMs || endedAtMs !== null;
}

function isSameEnd(first: HoldOutcome, end: HoldEnd): boolean {
  return first.kind === end.kind && (end.kind === "release" || end.amount === first.amount);
}

type Locked = { book: AccountBook; owners: readonly Owner[] };

async function endNow(tx: Tx, hold: Hold, end: HoldEnd, locked: Locked): Promise<HoldOutcome> {
  const { book, owners } = locked;
  const quota = hold.quota ?? undefined;
  const isLate = hasExpired(hold, book.nowMs);
  const held = isLate ? 0 : hold.amount;
  const amount = end.kind === "settle" ? end.amount : 0;
  const returned = Math.max(0, held - amount);
  // an expired hold is given back in full; an owner that has already got its part back gets nothing
  await giveBackParts(tx, hold, isLate ? hold.amount : returned, locked);
  const current = accountsOf(book, owners);
  const extra = Math.min(Math.max(0, amount - held), availableIn(current, quota));
  if (extra > 0) bookCharge(book, current, charge(current, unitsOf(quota, extra), book.nowMs));
  const charged = Math.min(amount, held) + extra;
  const outcome = { kind: end.kind, amount, charged, returned, shortfall: amount - charged, isLate };
  const { workspaceId, id } = hold;
  await setHoldEnded(tx, { workspaceId, id, endedAtMs: book.nowMs, outcome: JSON.stringify(outcome) });
  return outcome;
}

/** Gives `units` of the hold back to each owner that has not yet got its part of the hold back. */
async function giveBackParts(tx: Tx, hold: Hold, units: number, { book, owners }: Locked): Promise<void> {
  const parts = await takeParts(
    tx,
    hold,
    owners.map(({ id }) => id),
  );
  for (const { ownerId, quota, taken } of parts) {
    const account = book.get(ownerId);
    if (account === undefined) continue;
    const part = { quota: quota ?? undefined, taken: JSON.parse(taken) };
    book.set(giveBack(account, part, units, book.nowMs));
  }
}

function accountsOf(book: AccountBook, owners: readonly Owner[]): Account[] {
  return owners.flatMap(({ id }) => book.get(id) ?? []);
}

/** Adds the end of the hold to the ledger of each owner. */
function addToLedger(book: AccountBook, hold: Hold, outcome: HoldOutcome, actorId: string): void {
  for (const { id } of ownersOf(hold)) {
    const account = book.get(id);
    if (account === undefined) continue;
    const amount = outcome.kind === "settle" ? outcome.charged : outcome.returned;
    const entry = movementOf(account, outcome.kind, hold.quota);
    book.movements.push({ ...entry, amount, reason: hold.id, actorId });
  }
}
