import {
  type Balance,
  nextRefillAt,
  refilled,
  type Spent,
  scheduleOf,
  spendFrom,
} from "../../domain/credits.ts";
import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";

/** A limited balance; `refill.day` undefined is daily. */
export type Credits = {
  remaining: number;
  refill: { amount: number; day: number | undefined } | undefined;
};

/** What the columns say at `nowMs`, a refill that is due counted in; undefined: unlimited. */
export function creditsAt(balance: Balance, nowMs: number): Credits | undefined {
  const { remaining, refillAmount, refillDay } = refilled(balance, nowMs);
  if (remaining === null) return undefined;
  return {
    remaining,
    refill: refillAmount === null ? undefined : { amount: refillAmount, day: refillDay ?? undefined },
  };
}

/** Sets the balance of these keys to what is given, whatever it was; undefined: unlimited. */
export async function setBalance(
  tx: Tx,
  of: { workspaceId: string; subjectId: string },
  credits: Credits | undefined,
  nowMs: number,
): Promise<void> {
  const { workspaceId, subjectId } = of;
  const refill = credits?.refill;
  const columns = {
    remaining: credits?.remaining ?? null,
    refillAmount: refill?.amount ?? null,
    refillDay: refill?.day ?? null,
    nextRefillAtMs: refill === undefined ? null : nextRefillAt(scheduleOf(refill.day), nowMs),
  };
  await tx
    .insertInto("balances")
    .values({ id: subjectId, workspaceId, ...columns })
    .onConflict((conflict) =>
      conflict.column("id").doUpdateSet(columns).where("balances.workspaceId", "=", workspaceId),
    )
    .execute();
}

/** The balance, and nobody spends from it before this transaction ends. */
export async function lockBalance(
  tx: Tx,
  of: { workspaceId: string; subjectId: string },
  nowMs: number,
): Promise<Credits | undefined> {
  const [row] = await lockStatement(tx, keyOf(of));
  return row && creditsAt(row, nowMs);
}

/** What is to be spent, and when: a refill that is due by then happens first. */
export type Spend = { workspaceId: string; subjectId: string; cost: number; nowMs: number };

/**
 * Spends from any number of balances, from each in the order given, and answers as many outcomes. All balances are
 * locked first, in one order for everybody, so that nobody waits for a transaction that waits for this one.
 */
export async function spendCredits(tx: Tx, spends: readonly Spend[]): Promise<Spent[]> {
  const bySubject = Map.groupBy(spends, ({ workspaceId, subjectId }) => `${workspaceId}/${subjectId}`);
  const inOrder = [...bySubject].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, group]) => group);
  // sent at once and run in this order
  const locked = await Promise.all(inOrder.map((group) => lockBalanceOf(tx, group)));
  const outcomes = new Map<Spend, Spent>();
  await Promise.all(
    locked.map(async ({ group, balance }) => {
      if (balance === undefined) return;
      const { after, spent } = spendFrom(balance, group);
      for (const [index, spend] of group.entries()) outcomes.set(spend, spent[index] ?? "unlimited");
      if (after !== balance) await setAfterSpending(tx, group, after);
    }),
  );
  return spends.map((spend) => outcomes.get(spend) ?? "unlimited");
}

async function lockBalanceOf(tx: Tx, group: readonly Spend[]) {
  const [balance] = await lockStatement(tx, keyOf(group[0]));
  return { group, balance };
}

async function setAfterSpending(tx: Tx, group: readonly Spend[], after: Balance): Promise<void> {
  const { remaining, nextRefillAtMs } = after;
  await setStatement(tx, { ...keyOf(group[0]), remaining, nextRefillAtMs });
}

/** What could be spent at `nowMs`, a due refill counted in; undefined: unlimited. */
export async function findRemaining(db: Db, of: Omit<Spend, "cost">): Promise<number | undefined> {
  const [balance] = await selectStatement(db, keyOf(of));
  return balance && creditsAt(balance, of.nowMs)?.remaining;
}

type BalanceKey = { workspaceId: string; subjectId: string };

/** Its columns' values alone, as prepared statements want them. */
function keyOf(of: BalanceKey | undefined): BalanceKey {
  return { workspaceId: of?.workspaceId ?? "", subjectId: of?.subjectId ?? "" };
}

function select(db: Db, { workspaceId, subjectId }: BalanceKey) {
  return db
    .selectFrom("balances")
    .select(["remaining", "refillAmount", "refillDay", "nextRefillAtMs"])
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", subjectId);
}

const selectStatement = prepared((db, key: BalanceKey) => select(db, key).compile());
const lockStatement = prepared((db, key: BalanceKey) => select(db, key).forUpdate().compile());

type Rest = BalanceKey & { remaining: number | null; nextRefillAtMs: number | null };
const setStatement = prepared((db, rest: Rest) =>
  db
    .updateTable("balances")
    .set({ remaining: rest.remaining, nextRefillAtMs: rest.nextRefillAtMs })
    .where("workspaceId", "=", rest.workspaceId)
    .where("id", "=", rest.subjectId)
    .compile(),
);
