import { nextRefillAt } from "../../domain/credits.ts";
import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";

/** A balance with its refill; `refillDay` absent with an amount is daily. */
export type NewBalance = {
  subjectId: string;
  workspaceId: string;
  remaining: number;
  refillAmount: number | undefined;
  refillDay: number | undefined;
  nextRefillAtMs: number | undefined;
};

export async function insertBalance(tx: Tx, balance: NewBalance): Promise<void> {
  await tx
    .insertInto("balances")
    .values({
      id: balance.subjectId,
      workspaceId: balance.workspaceId,
      remaining: balance.remaining,
      refillAmount: balance.refillAmount ?? null,
      refillDay: balance.refillDay ?? null,
      nextRefillAtMs: balance.nextRefillAtMs ?? null,
    })
    .execute();
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
  if (balance === undefined || balance.remaining === null) return undefined;
  return isDue(balance, of.nowMs) ? (balance.refillAmount ?? 0) : balance.remaining;
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
  const refill =
    due.refillDay === null
      ? ({ interval: "daily" } as const)
      : ({ interval: "monthly", day: due.refillDay } as const);
  await tx
    .updateTable("balances")
    .set((eb) => ({ remaining: eb.ref("refillAmount"), nextRefillAtMs: nextRefillAt(refill, nowMs) }))
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", subjectId)
    .where("nextRefillAtMs", "=", due.nextRefillAtMs)
    .execute();
}
