import { type Account, accountAt, giveBack, type OwnerKind } from "../../domain/accounts.ts";
import { type Outlook, outlookOf, type ReturnedUnits } from "../../domain/outlooks.ts";
import type { Quota } from "../../domain/quotas.ts";
import { inBatches, inByteOrder } from "../batches.ts";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";
import { parseStored } from "../storedJson.ts";
import { deleteParts, expiredParts, firstExpiryOf, listOpenParts, noteExpired } from "./holds.ts";
import { insertMovements, type Movement } from "./movements.ts";

type Part = Schema["holdParts"];

/**
 * A possible owner of an account: a key or an identity. `id` is the key's `subjectId` or the identity's id. An owner
 * has an account if it has credits, quotas or holds.
 */
export type Owner = { workspaceId: string; id: string; kind: OwnerKind };

/**
 * The accounts that a transaction has locked, and the entries that it adds to the ledger of credits and quotas. Change
 * an account with `set`. `saveAccounts` writes the changed accounts and the entries.
 */
export type AccountBook = {
  /**
   * the time after all rows were locked. An earlier time would be wrong, because other nodes may have spent or refilled
   * while this transaction waited for the locks
   */
  nowMs: number;
  get(ownerId: string): Account | undefined;
  set(account: Account): void;
  /** the entries for the ledger; `saveAccounts` writes them */
  movements: Omit<Movement, "id" | "atMs">[];
  /** the accounts that differ from their stored rows, by id */
  changed: Map<string, Account>;
};

/**
 * Locks the accounts of those owners that have an account, and brings the accounts up to date: applies the refills,
 * resets and expiries of holds that are due. A transaction must lock an account before it spends from the account. All
 * transactions lock accounts in the order of their ids, so they cannot deadlock.
 */
export async function lockAccounts(
  tx: Tx,
  owners: readonly Owner[],
  now: () => number,
): Promise<AccountBook> {
  const byId = new Map(owners.map((owner) => [owner.id, owner]));
  // all statements are sent at once; the connection runs them in this order
  const rows = await Promise.all(
    inByteOrder([...byId.keys()]).map((id) =>
      lockRow(tx, { id, workspaceId: byId.get(id)?.workspaceId ?? "" }),
    ),
  );
  const book = openBook(now());
  const expired: Part[] = [];
  for (const row of rows.flat()) {
    const stored = accountOf(row, byId.get(row.id)?.kind ?? "key");
    const isDue = row.nextHoldExpiryMs !== null && row.nextHoldExpiryMs <= book.nowMs;
    const due = isDue ? await takeExpiredParts(tx, row, book.nowMs) : [];
    const current = await withoutExpiredHolds(stored, due, book);
    for (const part of due) expired.push(part);
    book.set(current);
    if (isSame(stored, current)) book.changed.delete(current.id);
    else book.movements.push(...resetsBetween(stored, current));
  }
  if (expired.length > 0) await noteExpired(tx, expired, book.nowMs);
  return book;
}

/**
 * Reads the accounts of these owners in their state at `nowMs`, without locking them. All owners must belong to the
 * same workspace.
 */
export async function findAccounts(db: Db, owners: readonly Owner[], nowMs: number): Promise<Account[]> {
  const [first] = owners;
  if (first === undefined) return [];
  const kinds = new Map(owners.map(({ id, kind }) => [id, kind]));
  const ids = [...kinds.keys()];
  const rows = await selectRows(db, { workspaceId: first.workspaceId, ids });
  const accounts = rows.map(async (row) => {
    const stored = accountOf(row, kinds.get(row.id) ?? "key");
    const isDue = row.nextHoldExpiryMs !== null && row.nextHoldExpiryMs <= nowMs;
    const owner = { workspaceId: row.workspaceId, ownerId: row.id };
    let current = stored;
    if (isDue) {
      for await (const parts of expiredParts(db, { ...owner, nowMs }))
        current = parts.reduce(afterExpiry, current);
    }
    return accountAt(current, nowMs);
  });
  const byId = new Map((await Promise.all(accounts)).map((account) => [account.id, account]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/**
 * Returns, for each of these owners that has an account, how the account will change from `fromMs` on if the owner
 * spends nothing. Of the owner's holds, considers only the 1,000 that expire first. All owners must belong to the same
 * workspace.
 */
export async function findOutlooks(db: Db, owners: readonly Owner[], fromMs: number): Promise<Outlook[]> {
  const rows = await selectRows(db, {
    workspaceId: owners[0]?.workspaceId ?? "",
    ids: owners.map(({ id }) => id),
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const isOver = ({ expiresAtMs }: Part) => expiresAtMs <= fromMs;
  const outlooks = owners.map(async ({ workspaceId, id, kind }) => {
    const row = byId.get(id);
    if (row === undefined) return [];
    const hasHolds = row.nextHoldExpiryMs !== null;
    const holds = hasHolds ? await listOpenParts(db, { workspaceId, ownerId: id, limit: 1_000 }) : [];
    const [past, future] = [holds.filter(isOver), holds.filter((part) => !isOver(part))];
    const account = accountAt(past.reduce(afterExpiry, accountOf(row, kind)), fromMs);
    return [outlookOf(account, future.flatMap(returnsOf), fromMs)];
  });
  return (await Promise.all(outlooks)).flat();
}

/** Returns what the owner gets back when the hold of this part expires: nothing if the hold is charged then. */
function returnsOf({ quota, taken, units, onExpiry, expiresAtMs }: Part): ReturnedUnits[] {
  if (onExpiry !== "release") return [];
  return [{ quota: quota ?? undefined, taken: JSON.parse(taken), units, atMs: expiresAtMs }];
}

function openBook(nowMs: number): AccountBook {
  const accounts = new Map<string, Account>();
  const changed = new Map<string, Account>();
  return {
    nowMs,
    get: (id) => accounts.get(id),
    set(account) {
      accounts.set(account.id, account);
      changed.set(account.id, account);
    },
    movements: [],
    changed,
  };
}

/** Deletes this owner's parts of expired holds, and returns the deleted parts. */
async function takeExpiredParts(tx: Tx, { workspaceId, id }: Key, nowMs: number): Promise<Part[]> {
  const owner = { workspaceId, ownerId: id };
  const expired: Part[] = [];
  for await (const parts of expiredParts(tx, { ...owner, nowMs })) {
    await deleteParts(tx, { ...owner, holdIds: parts.map(({ holdId }) => holdId) });
    for (const part of parts) expired.push(part);
  }
  await setNextExpiry(tx, { workspaceId, id, atMs: await firstExpiryOf(tx, owner) });
  return expired;
}

/** Returns the account at `book.nowMs`, after the expiry of these holds, and adds each expiry to the ledger. */
async function withoutExpiredHolds(
  stored: Account,
  expired: readonly Part[],
  book: AccountBook,
): Promise<Account> {
  let current = stored;
  await inBatches(expired, async (parts) => {
    for (const part of parts) {
      current = afterExpiry(current, part);
      const amount = part.onExpiry === "release" ? part.units : 0;
      book.movements.push({ ...movementOf(current, "expire", part.quota), amount, reason: part.holdId });
    }
    return [];
  });
  return accountAt(current, book.nowMs);
}

/**
 * Returns the account in the state just after this hold has expired: it gets back what the hold took, unless the
 * hold is charged when it expires. Apply holds in the order of their expiry, because the reset of a quota may carry
 * over only units that came back before the reset.
 */
function afterExpiry(account: Account, part: Part): Account {
  const current = accountAt(account, part.expiresAtMs);
  return returnsOf(part).reduce((before, one) => giveBack(before, one, one.units, one.atMs), current);
}

function isSame(one: Account, other: Account): boolean {
  return (
    one.credits === other.credits &&
    one.quotas.length === other.quotas.length &&
    one.quotas.every((quota, index) => quota === other.quotas[index])
  );
}

/** Returns ledger entries for the refill, resets and rollovers that have become due after the account was stored. */
function resetsBetween(stored: Account, current: Account): AccountBook["movements"] {
  const refills =
    stored.creditsEpoch === current.creditsEpoch
      ? []
      : [{ ...movementOf(current, "refill", null), amount: current.credits.refillAmount ?? 0 }];
  const before = new Map(stored.quotas.map((quota) => [quota.name, quota]));
  const resets = current.quotas
    .filter(({ name, epoch }) => before.get(name)?.epoch !== epoch)
    .flatMap(({ name, limit, carried }) => [
      { ...movementOf(current, "reset", name), amount: limit },
      ...(carried > 0 ? [{ ...movementOf(current, "rollover", name), amount: carried }] : []),
    ]);
  return [...refills, ...resets];
}

/** Returns a ledger entry for this account, with the amount 0 and without an actor. Callers may replace both. */
export function movementOf(
  { id, workspaceId, credits }: Account,
  kind: Movement["kind"],
  quota: string | null,
): AccountBook["movements"][number] {
  return {
    workspaceId,
    ownerId: id,
    kind,
    quota,
    amount: 0,
    remaining: quota === null ? credits.remaining : null,
    reason: null,
    actorId: null,
  };
}

/** Writes the changed accounts and the ledger entries. */
export async function saveAccounts(tx: Tx, book: AccountBook, newId: () => string): Promise<void> {
  const writes = [...book.changed.values()].map((account) => setRow(tx, columnsOf(account)));
  const movements = book.movements.map((one) => ({ ...one, id: newId(), atMs: book.nowMs }));
  await Promise.all([...writes, insertMovements(tx, movements)]);
}

/** Creates an empty account for this owner, unless the owner already has an account. */
export async function createAccount(tx: Tx, { workspaceId, id }: Owner): Promise<void> {
  await insertEmpty(tx, { workspaceId, id });
}

/** Deletes an account with its credits and quotas. The caller must end the open holds of the account. */
export async function deleteAccount(tx: Tx, { workspaceId, id }: Owner): Promise<void> {
  await deleteRow(tx, { workspaceId, id });
}

/** Stores that the next hold of this owner expires at `atMs`, unless another hold of the owner expires earlier. */
export const noteExpiry = prepared((db, args: Key & { atMs: number }) =>
  db
    .updateTable("balances")
    .set({ nextHoldExpiryMs: args.atMs })
    .where("workspaceId", "=", args.workspaceId)
    .where("id", "=", args.id)
    .where((eb) => eb.or([eb("nextHoldExpiryMs", "is", null), eb("nextHoldExpiryMs", ">", args.atMs)]))
    .compile(),
);

const setNextExpiry = prepared((db, args: Key & { atMs: number | null }) =>
  db
    .updateTable("balances")
    .set({ nextHoldExpiryMs: args.atMs })
    .where("workspaceId", "=", args.workspaceId)
    .where("id", "=", args.id)
    .compile(),
);

const accountColumns = [
  "id",
  "workspaceId",
  "remaining",
  "refillAmount",
  "refillDay",
  "nextRefillAtMs",
  "creditsEpoch",
  "quotas",
  "nextHoldExpiryMs",
] as const;

type Row = Schema["balances"];

function accountOf(row: Row, kind: OwnerKind): Account {
  const { id, workspaceId, remaining, refillAmount, refillDay, nextRefillAtMs, creditsEpoch, quotas } = row;
  return {
    id,
    workspaceId,
    kind,
    credits: { remaining, refillAmount, refillDay, nextRefillAtMs },
    creditsEpoch,
    quotas: quotas === null ? [] : parseQuotas(quotas),
  };
}

/** Parses stored quotas, and skips damaged ones. */
function parseQuotas(text: string): Quota[] {
  const stored: unknown = parseStored(text);
  return Array.isArray(stored) ? stored.filter(isQuota) : [];
}

function isQuota(value: unknown): value is Quota {
  if (typeof value !== "object" || value === null) return false;
  const { name, limit, used, grants, timeZone } = value as Partial<Quota>;
  const hasNumbers = typeof limit === "number" && typeof used === "number";
  return hasNumbers && typeof name === "string" && typeof timeZone === "string" && Array.isArray(grants);
}

function columnsOf({ id, workspaceId, credits, creditsEpoch, quotas }: Account) {
  return {
    id,
    workspaceId,
    ...credits,
    creditsEpoch,
    quotas: quotas.length === 0 ? null : JSON.stringify(quotas),
  };
}

type Key = { workspaceId: string; id: string };

const lockRow = prepared((db, key: Key) =>
  db
    .selectFrom("balances")
    .select(accountColumns)
    .where("workspaceId", "=", key.workspaceId)
    .where("id", "=", key.id)
    .forUpdate()
    .compile(),
);

const selectRows = prepared((db, args: { workspaceId: string; ids: readonly string[] }) =>
  db
    .selectFrom("balances")
    .select(accountColumns)
    .where("workspaceId", "=", args.workspaceId)
    .where(isIn("id", args.ids))
    .compile(),
);

const setRow = prepared((db, row: Omit<Row, "nextHoldExpiryMs">) =>
  db
    .updateTable("balances")
    .set({
      remaining: row.remaining,
      refillAmount: row.refillAmount,
      refillDay: row.refillDay,
      nextRefillAtMs: row.nextRefillAtMs,
      creditsEpoch: row.creditsEpoch,
      quotas: row.quotas,
    })
    .where("workspaceId", "=", row.workspaceId)
    .where("id", "=", row.id)
    .compile(),
);

const insertEmpty = prepared((db, { workspaceId, id }: Key) =>
  db
    .insertInto("balances")
    .values({
      id,
      workspaceId,
      remaining: null,
      refillAmount: null,
      refillDay: null,
      nextRefillAtMs: null,
      creditsEpoch: 0,
      quotas: null,
      nextHoldExpiryMs: null,
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .compile(),
);

const deleteRow = prepared((db, { workspaceId, id }: Key) =>
  db.deleteFrom("balances").where("workspaceId", "=", workspaceId).where("id", "=", id).compile(),
);
