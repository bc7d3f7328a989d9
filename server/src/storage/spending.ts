import type { Engine } from "./engine.ts";
import { type Spend, type Spent, spendCredits } from "./queries/balances.ts";

type Waiting = { spend: Spend; resolve(spent: Spent): void; reject(error: unknown): void };

/** Spends credits; what is asked for within one turn of the event loop shares one transaction and one flush. */
export function creditSpender(engine: Engine): (spend: Spend) => Promise<Spent> {
  let waiting: Waiting[] = [];

  async function spendAll(): Promise<void> {
    const group = waiting;
    waiting = [];
    try {
      const outcomes = await engine.transaction(async (tx) => {
        const spent: Spent[] = [];
        for (const { spend } of group) spent.push(await spendCredits(tx, spend));
        return spent;
      });
      for (const [index, { resolve }] of group.entries()) resolve(outcomes[index] ?? "unlimited");
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  return (spend) =>
    new Promise((resolve, reject) => {
      waiting.push({ spend, resolve, reject });
      if (waiting.length === 1) setImmediate(() => void spendAll());
    });
}
