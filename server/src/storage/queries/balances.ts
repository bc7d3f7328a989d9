import { nextRefillAt, type Refill } from "../../domain/credits.ts";
import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";

/** A limited balance; `refill.day` undefined is daily. */
export type Credits = {
  remaining: number;
  refill: { amount: number; day: number | undefined } | undefined;
};

/** What the columns say at `nowMs`, a refill that is due counted in; undefined: unlimited. */
export function creditsAt(balance: Balance, nowMs: number): Credits | undefined {
  const { remaining, refillAmount, refillDay } = balance;
  if (remaining === null) return undefined;
  return {
    remaining: isDue(balance, nowMs) ? (refillAmount ?? 0) : remaining,
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
  const row = await tx
    .updateTable("balances")
    .set((eb) => ({ remaining: eb.ref("remaining") }))
    .where("workspaceId", "=", of.workspaceId)
    .where("id", "=", of.subjectId)
    .returning(["remaining", "refillAmount", "refillDay", "nextRefillAtMs"])
    .executeTakeFirst();
  return row && creditsAt(row, nowMs);
}

function scheduleOf(day: number | null | undefined): Refill {
  return day === null || day === undefined ? { interval: "daily" } : { interval: "monthly", day };
}

/** What is to be spent, and when: a refill that is due by then happens first. */
export type Spend = { workspaceId: string; subjectId: string; cost: number; nowMs: number };

/** `unlimited`: there is no balance to spend from. */
export type Spent = { granted: boolean; remaining: number } | "unlimited";

type Balance = {
  remaining: number | null;
  refillAmount: number | null;
  refillDay: number | null;
  nextRefillAtMs: number | null;
};

/**
 * Takes `cost` only while that much is left. A due refill is made first, at most once whoever asks: it sets the
 * balance to its amount, however many periods were missed.
 */
export async function spendCredits(tx: Tx, spend: Spend): Promise<Spent> {
  const spent = await spendIfLeft(tx, spend);
  if (spent !== undefined) return { granted: true, remaining: spent };
  const [balance] = await selectBalance(tx, spend);
  if (balance === undefined || balance.remaining === null) return "unlimited";
  if (!isDue(balance, spend.nowMs)) return { granted: false, remaining: balance.remaining };
  await applyRefill(tx, spend, balance);
  const afterRefill = await spendIfLeft(tx, spend);
  if (afterRefill !== undefined) return { granted: true, remaining: afterRefill };
  return { granted: false, remaining: balance.refillAmount ?? 0 };
}

/** What could be spent at `nowMs`, a due refill counted in; undefined: unlimited. */
export async function findRemaining(db: Db, of: Omit<Spend, "cost">): Promise<number | undefined> {
  const [balance] = await selectBalance(db, of);
  return balance && creditsAt(balance, of.nowMs)?.remaining;
}

function isDue(balance: Balance, nowMs: number): boolean {
  return balance.nextRefillAtMs !== null && balance.nextRefillAtMs <= nowMs;
}

async function spendIfLeft(
  tx: Tx,
  { subjectId, workspaceId, cost, nowMs }: Spend,
): Promise<number | undefined> {
  const [row] = await spendStatement(tx, { subjectId, workspaceId, cost, nowMs });
  return row?.remaining ?? undefined;
}

const spendStatement = prepared((db, args: Spend) =>
  db
    .updateTable("balances")
    .set((eb) => ({ remaining: eb("remaining", "-", args.cost) }))
    .where("workspaceId", "=", args.workspaceId)
    .where("id", "=", args.subjectId)
    .where("remaining", ">=", args.cost)
    .where((eb) => eb.or([eb("nextRefillAtMs", "is", null), eb("nextRefillAtMs", ">", args.nowMs)]))
    .returning("remaining")
    .compile(),
);

const selectStatement = prepared((db, args: { subjectId: string; workspaceId: string }) =>
  db
    .selectFrom("balances")
    .select(["remaining", "refillAmount", "refillDay", "nextRefillAtMs"])
    .where("workspaceId", "=", args.workspaceId)
    .where("id", "=", args.subjectId)
    .compile(),
);

function selectBalance(db: Db, of: { subjectId: string; workspaceId: string }): Promise<Balance[]> {
  return selectStatement(db, { subjectId: of.subjectId, workspaceId: of.workspaceId });
}

/** Guarded by the instant it refills for, so that two who find it due refill once. */
async function applyRefill(tx: Tx, { workspaceId, subjectId, nowMs }: Spend, due: Balance): Promise<void> {
  await tx
    .updateTable("balances")
    .set((eb) => ({
      remaining: eb.ref("refillAmount"),
      nextRefillAtMs: nextRefillAt(scheduleOf(due.refillDay), nowMs),
    }))
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", subjectId)
    .where("nextRefillAtMs", "=", due.nextRefillAtMs)
    .execute();
}
