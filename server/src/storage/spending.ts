import { itemAt } from "../domain/itemAt.ts";
import { type Engine, StorageError } from "./engine.ts";
import { type Spend, type Spent, spendAll } from "./queries/charges.ts";

type Waiting = { spend: Spend; resolve(spent: Spent): void; reject(error: unknown): void };

/**
 * Calls that spend are divided into lanes, each of which runs one transaction at a time. All calls that spend from the
 * same identity, or the same key without an identity, are in the same lane. So lanes rarely wait for each other's row
 * locks: only a batch may spend from accounts of several lanes.
 */
const lanes = 4;

/**
 * Returns a function that spends credits and quotas. All calls that arrive while a transaction of their lane runs share
 * the lane's next transaction, so that any number of callers needs only one commit and few round trips. If an account
 * cannot be read or written, only calls that spend from it get an error. A transaction that may have been committed is
 * never tried again. A batch passes the id of one of its owners as `lead`, so that all its calls are in the same lane.
 */
export function creditSpender(
  engine: Engine,
  now: () => number,
  newId: () => string,
): (spend: Spend, lead?: string) => Promise<Spent> {
  const spendInOne = (spends: readonly Spend[]) =>
    engine.transaction((tx) => spendAll(tx, spends, now, newId));
  const all = Array.from({ length: lanes }, () => lane(spendInOne));
  return (spend, lead = spend.identityId ?? spend.subjectId ?? "") => {
    const chosen = all[laneOf(lead)];
    return new Promise((resolve, reject) => chosen?.({ spend, resolve, reject }));
  };
}

/** Returns the lane of an owner. It depends on the last characters of the owner's id, which are random. */
function laneOf(ownerId: string): number {
  const end = ownerId.length;
  return (ownerId.charCodeAt(end - 1) + ownerId.charCodeAt(end - 2)) % lanes || 0;
}

type SpendInOne = (spends: readonly Spend[]) => Promise<Spent[]>;

function lane(spendInOne: SpendInOne): (one: Waiting) => void {
  let waiting: Waiting[] = [];
  let busy = false;

  async function spendAll(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await spendGroup(spendInOne, group);
    }
    busy = false;
  }

  return (one) => {
    waiting.push(one);
    if (busy) return;
    busy = true;
    setImmediate(() => void spendAll());
  };
}

async function spendGroup(spendInOne: SpendInOne, group: readonly Waiting[]): Promise<void> {
  try {
    const outcomes = await spendInOne(group.map(({ spend }) => spend));
    for (const [index, { resolve }] of group.entries()) resolve(itemAt(outcomes, index));
  } catch (error) {
    if (group.length > 1 && isOfOneBalance(error)) return spendAlone(spendInOne, group);
    for (const { reject } of group) reject(error);
  }
}

async function spendAlone(spendInOne: SpendInOne, group: readonly Waiting[]): Promise<void> {
  for (const one of group) await spendGroup(spendInOne, [one]);
}

/**
 * Returns whether one of the accounts caused the error, and not the database. Then nothing was committed, so each call
 * can run again in a transaction of its own.
 */
function isOfOneBalance(error: unknown): boolean {
  return !(error instanceof StorageError) || error.reason === "damaged";
}
