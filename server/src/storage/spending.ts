import type { Spent } from "../domain/credits.ts";
import type { Engine } from "./engine.ts";
import { type Spend, spendCredits } from "./queries/balances.ts";

type Waiting = { spend: Spend; resolve(spent: Spent): void; reject(error: unknown): void };

/** so many transactions at once; a balance is always spent from in the same one, so that none waits for another */
const lanes = 4;

/**
 * Spends credits. What is asked for while a lane's transaction is under way shares the next one: one commit, and few
 * round trips, for any number of callers. A spend that fails may have happened, and is never tried again.
 */
export function creditSpender(engine: Engine): (spend: Spend) => Promise<Spent> {
  const all = Array.from({ length: lanes }, () => lane(engine));
  return (spend) => {
    const chosen = all[laneOf(spend.subjectId)];
    return new Promise((resolve, reject) => chosen?.({ spend, resolve, reject }));
  };
}

/** By the last letters, which are random. */
function laneOf(subjectId: string): number {
  const end = subjectId.length;
  return (subjectId.charCodeAt(end - 1) + subjectId.charCodeAt(end - 2)) % lanes || 0;
}

function lane(engine: Engine): (one: Waiting) => void {
  let waiting: Waiting[] = [];
  let busy = false;

  async function spendAll(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await spendGroup(engine, group);
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

async function spendGroup(engine: Engine, group: readonly Waiting[]): Promise<void> {
  try {
    const spends = group.map(({ spend }) => spend);
    const outcomes = await engine.transaction((tx) => spendCredits(tx, spends));
    for (const [index, { resolve }] of group.entries()) resolve(outcomes[index] ?? "unlimited");
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
}
