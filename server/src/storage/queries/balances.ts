import { balanceOf, type Credits, creditsOf } from "../../domain/accounts.ts";
import { type Balance, refilled } from "../../domain/credits.ts";
import type { Quota } from "../../domain/quotas.ts";
import { inBatches } from "../batches.ts";
import { prepared } from "../prepared.ts";
import type { Schema, Tx } from "../schema.ts";

/** The columns of a `Balance`, with the name of the table, so that a query with joins can select them. */
export const balanceColumns = [
  "balances.remaining",
  "balances.refillAmount",
  "balances.refillDay",
  "balances.nextRefillAtMs",
] as const;

/** Returns the credits at `nowMs`, including a refill that is due, or `undefined` if the credits are unlimited. */
export function creditsAt(balance: Balance, nowMs: number): Credits | undefined {
  return creditsOf(refilled(balance, nowMs));
}

/** The credits and quotas of a new key or identity. `ownerId` is the key's `subjectId` or the identity's id. */
export type NewBalance = { ownerId: string; credits: Credits | undefined; quotas: readonly Quota[] };

/** Inserts the balances of keys or identities that the same transaction has inserted. */
export async function insertBalances(
  tx: Tx,
  workspaceId: string,
  balances: readonly NewBalance[],
  nowMs: number,
): Promise<void> {
  const rows = balances.map(({ ownerId, credits, quotas }) => ({
    id: ownerId,
    workspaceId,
    ...balanceOf(credits, nowMs),
    creditsEpoch: 0,
    quotas: quotas.length === 0 ? null : JSON.stringify(quotas),
    nextHoldExpiryMs: null,
  }));
  await inBatches(rows, (batch) => insertRows(tx, { rows: batch }));
}

const insertRows = prepared((db, { rows }: { rows: readonly Schema["balances"][] }) =>
  db.insertInto("balances").values(rows).compile(),
);
