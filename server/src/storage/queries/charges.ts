import {
  type Account,
  type Charged,
  type Cost,
  charge,
  creditsOnly,
  quotasOf,
} from "../../domain/accounts.ts";
import type { Schema, Tx } from "../schema.ts";
import {
  type AccountBook,
  lockAccounts,
  movementOf,
  noteExpiry,
  type Owner,
  saveAccounts,
} from "./accounts.ts";
import { insertHold } from "./holds.ts";

/** A request to spend from the accounts of a key and its identity. If both have an account, both must have enough. */
export type Spend = {
  workspaceId: string;
  /** the `subjectId` of the key that spends; undefined: only the identity spends */
  subjectId: string | undefined;
  identityId: string | undefined;
  cost: Cost;
  /** if set, a hold is created for a part of the cost, and the final amount of this part is settled later */
  hold?: HoldRequest | undefined;
};

/** A hold to create for a part of a cost: for the units of `quota`, or for the credits if `quota` is undefined. */
export type HoldRequest = {
  id: string;
  keyId: string | undefined;
  /** the api of the key; undefined for a hold of an identity, because an identity's keys may be in several apis */
  apiId: string | undefined;
  quota: string | undefined;
  ttlMs: number;
  onExpiry: "release" | "charge";
  requestId: string;
  tags: readonly string[];
};

export type Spent = Pick<Charged, "isCharged" | "credits" | "quotas"> & {
  /** a quota that the request names, but neither the key nor its identity has; if set, nothing was spent */
  unknownQuota: string | undefined;
  /** when the hold expires; undefined if no hold was created */
  holdExpiresAtMs: number | undefined;
};

/**
 * Runs these requests in their order, and returns the outcome of each request. Locks all accounts first, and writes
 * each changed account once, at the end. `newId` creates ids for ledger entries.
 */
export async function spendAll(
  tx: Tx,
  spends: readonly Spend[],
  now: () => number,
  newId: () => string,
): Promise<Spent[]> {
  const book = await lockAccounts(tx, spends.flatMap(ownersOf), now);
  const holds: Promise<void>[] = [];
  const outcomes = spends.map((spend) => {
    const accounts = ownersOf(spend).flatMap(({ id }) => book.get(id) ?? []);
    const unknownQuota = unknownIn(accounts, spend.cost);
    const cost = unknownQuota === undefined ? spend.cost : nothing;
    const charged = charge(accounts, cost, book.nowMs);
    const { credits, quotas } = charged;
    const isCharged = charged.isCharged && unknownQuota === undefined;
    if (isCharged) bookCharge(book, accounts, charged);
    const hold = isCharged ? holdOf(spend, charged, book.nowMs) : undefined;
    if (hold !== undefined) holds.push(insertHold(tx, hold.row, hold.parts));
    return { isCharged, credits, quotas, unknownQuota, holdExpiresAtMs: hold?.row.expiresAtMs, hold };
  });
  await Promise.all([...holds, saveAccounts(tx, book, newId)]);
  await Promise.all(
    outcomes.flatMap(({ hold }) =>
      (hold?.parts ?? []).map((part) =>
        noteExpiry(tx, { workspaceId: part.workspaceId, id: part.ownerId, atMs: part.expiresAtMs }),
      ),
    ),
  );
  return outcomes.map(({ hold: _, ...spent }) => spent);
}

const nothing = creditsOnly(0);

/** Returns the owners that a request spends from: the key first, then the identity. */
export function ownersOf(of: {
  workspaceId: string;
  subjectId: string | null | undefined;
  identityId: string | null | undefined;
}): Owner[] {
  const { workspaceId, subjectId, identityId } = of;
  const owners: Owner[] = [];
  if (typeof subjectId === "string") owners.push({ workspaceId, id: subjectId, kind: "key" });
  if (typeof identityId === "string") owners.push({ workspaceId, id: identityId, kind: "identity" });
  return owners;
}

/** Returns a quota that the cost names and none of the accounts has, or `undefined` if there is no such quota. */
export function unknownIn(accounts: readonly Account[], { quotas }: Cost): string | undefined {
  return [...quotas.keys()].find(
    (name) => !accounts.some((account) => quotasOf(account).some((one) => one.name === name)),
  );
}

/**
 * Puts into the book what a charge has changed: the accounts, and a ledger entry for each threshold of a quota that the
 * charge has crossed. `before` are the accounts before the charge.
 */
export function bookCharge(book: AccountBook, before: readonly Account[], charged: Charged): void {
  for (const [index, account] of charged.accounts.entries()) {
    if (charged.taken.some(({ accountId }) => accountId === before[index]?.id)) book.set(account);
    for (const { name, crossed, owner } of charged.quotas) {
      if (crossed === undefined || owner !== account.kind) continue;
      book.movements.push({ ...movementOf(account, "threshold", name), amount: crossed });
    }
  }
}

function holdOf(
  { workspaceId, subjectId, identityId, cost, hold }: Spend,
  { taken }: Charged,
  nowMs: number,
): { row: Schema["holds"]; parts: Schema["holdParts"][] } | undefined {
  if (hold === undefined) return undefined;
  const amount = hold.quota === undefined ? cost.credits : (cost.quotas.get(hold.quota) ?? 0);
  const expiresAtMs = nowMs + hold.ttlMs;
  const common = { quota: hold.quota ?? null, onExpiry: hold.onExpiry, expiresAtMs };
  const parts = taken
    .filter(({ quota }) => quota === hold.quota)
    .map((part) => ({
      ...common,
      workspaceId,
      ownerId: part.accountId,
      holdId: hold.id,
      taken: JSON.stringify(part.taken),
      units: amount,
    }));
  const row = {
    ...common,
    id: hold.id,
    workspaceId,
    keyId: hold.keyId ?? null,
    apiId: hold.apiId ?? null,
    subjectId: subjectId ?? null,
    identityId: identityId ?? null,
    amount,
    createdAtMs: nowMs,
    endedAtMs: null,
    outcome: null,
    requestId: hold.requestId,
    tags: hold.tags.length === 0 ? null : JSON.stringify(hold.tags),
  };
  return { row, parts };
}
