import { itemAt } from "../domain/itemAt.ts";
import { type Engine, StorageError } from "./engine.ts";
import { type Spend, type Spent, spendAll } from "./queries/charges.ts";

type Waiting = { spend: Spend; resolve(spent: Spent): void; reject(error: unknown): void };

/**
 * Calls that spend are divided into lanes. Each lane runs one transaction at a time. All calls that spend from the same
 * identity are in the same lane, and so are all calls of the same key without an identity. So lanes rarely wait for
 * each other's row locks: only a batch of verifications may spend from accounts of several lanes.
 */
const lanes = 4;

/**
 * Returns a function that spends credits and quotas. All calls that arrive while a transaction of their lane runs share
 * the lane's next transaction: any number of them needs only one commit and few round trips. If an account cannot be
 * read or written, only the calls that spend from this account fail. A transaction that may have been committed is
 * never run again. A batch of verifications passes the same owner's id as `lead` of all its calls, which puts them into
 * the same lane.
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

/** Returns the lane of an owner, by the last two characters of the owner's id, because most ids end at random. */
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
    if (group.length > 1 && isOfOneAccount(error)) return spendAlone(spendInOne, group);
    for (const { reject } of group) reject(error);
  }
}

async function spendAlone(spendInOne: SpendInOne, group: readonly Waiting[]): Promise<void> {
  for (const one of group) await spendGroup(spendInOne, [one]);
}

/**
 * Returns whether the error is about one of the accounts and not about the whole database. If it is, nothing was
 * committed, and each call can run again in a transaction of its own.
 */
function isOfOneAccount(error: unknown): boolean {
  return !(error instanceof StorageError) || error.reason === "damaged";
}
