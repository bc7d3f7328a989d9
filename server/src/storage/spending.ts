import { itemAt } from "../domain/itemAt.ts";
import { type Engine, StorageError } from "./engine.ts";
import { type Spend, type Spent, spendAll } from "./queries/charges.ts";

type Waiting = { spend: Spend; resolve(spent: Spent): void; reject(error: unknown): void };

/**
 * transactions at a time; an identity, or a key without one, belongs to one lane, so that only batches may wait for another
 * lane's transaction
 */
const lanes = 4;

/**
 * Spends credits. All spends that arrive while a lane's transaction is running share its next one: one commit and few
 * round trips for any number of callers. If a balance cannot be read or written, only its own callers get an error.
 * A spend that may have happened is never retried. A batch names one of its balances as `lead`, whose lane then takes
 * all of its spends.
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

/** By the last characters, which are random. */
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

/** Whether the database itself works. Then nothing was committed, and the other spends may succeed one by one. */
function isOfOneBalance(error: unknown): boolean {
  return !(error instanceof StorageError) || error.reason === "damaged";
}
