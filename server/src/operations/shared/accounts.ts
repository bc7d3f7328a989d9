import { z } from "zod";
import { type Account, type Credits, creditsOf, withCredits } from "../../domain/accounts.ts";
import { may } from "../../domain/caller.ts";
import { Failure, invalid } from "../../errors/failure.ts";
import type { RunContext, TransactContext } from "../../operation.ts";
import {
  type AccountBook,
  createAccount,
  findAccounts,
  lockAccounts,
  movementOf,
  type Owner,
  saveAccounts,
} from "../../storage/queries/accounts.ts";
import { findIdentity, lockIdentity } from "../../storage/queries/identities.ts";
import { findKey } from "../../storage/queries/keys/read.ts";
import { findTimeZone } from "../../storage/queries/workspaces.ts";
import { accountResponse } from "./accountFields.ts";
import { type CreditsChange, changedCredits, creditsResponse, type storedCredits } from "./credits.ts";
import { identityRef } from "./identities.ts";
import { keyId, lockPermittedKey } from "./keys.ts";
import { changedQuotas, parseQuotas, type RequestedQuotas } from "./quotas.ts";
import { amount } from "./values.ts";

/** The fields of a request that names the owner of credits and quotas. It sends one of them. */
export const ownerFields = {
  identity: identityRef.optional(),
  keyId: keyId.optional(),
};

export type RequestedOwner = { identity?: string | undefined; keyId?: string | undefined };

/**
 * Finds the key or identity that the request names, and locks it for a change.
 * Errors: `invalid_input` unless the request names exactly one owner; `key_not_found` or `identity_not_found` if the
 * owner does not exist or the caller may not update it.
 */
export async function lockOwner(
  context: TransactContext,
  requested: RequestedOwner,
): Promise<Owner & { targetId: string }> {
  const { caller, tx, evict } = context;
  const { workspaceId } = caller;
  const named = namedOwner(requested);
  if (named.keyId !== undefined) {
    const { id, subjectId } = await lockPermittedKey(context, named.keyId, "update_key");
    return { workspaceId, id: subjectId, kind: "key", targetId: id };
  }
  const identity = await lockIdentity(tx, workspaceId, named.identity);
  if (identity === undefined || !may(caller, "identity", identity.id, "update_identity")) {
    throw new Failure("identity_not_found");
  }
  evict(identity.id);
  return { workspaceId, id: identity.id, kind: "identity", targetId: identity.id };
}

/**
 * Finds the key or identity that the request names, without a lock.
 * Errors: those of `lockOwner`, but the caller needs the permission to read the owner.
 */
export async function findOwner(
  { caller, db, nowMs }: RunContext,
  requested: RequestedOwner,
): Promise<Owner> {
  const { workspaceId } = caller;
  const named = namedOwner(requested);
  if (named.keyId !== undefined) {
    const key = await findKey(db, workspaceId, named.keyId, nowMs);
    if (key === undefined || !may(caller, "api", key.apiId, "read_key")) throw new Failure("key_not_found");
    return { workspaceId, id: key.subjectId, kind: "key" };
  }
  const identity = await findIdentity(db, workspaceId, named.identity);
  if (identity === undefined || !may(caller, "identity", identity.id, "read_identity")) {
    throw new Failure("identity_not_found");
  }
  return { workspaceId, id: identity.id, kind: "identity" };
}

type NamedOwner = { keyId: string; identity?: never } | { identity: string; keyId?: never };

/** Errors: `invalid_input` unless the request names exactly one owner. */
export function namedOwner({ keyId, identity }: RequestedOwner): NamedOwner {
  if (keyId !== undefined && identity === undefined) return { keyId };
  if (keyId === undefined && identity !== undefined) return { identity };
  throw invalid("body", "does not name exactly one owner", "send either identity or keyId");
}

/** Locks the owner's account, changes its credits and quotas, and stores it. Creates the account if it is missing. */
export async function changeAccount(
  { tx, now, newId }: Pick<TransactContext, "tx" | "now" | "newId">,
  owner: Owner,
  change: (account: Account, book: AccountBook) => Account,
): Promise<Account> {
  let book = await lockAccounts(tx, [owner], now);
  if (book.get(owner.id) === undefined) {
    await createAccount(tx, owner);
    book = await lockAccounts(tx, [owner], now);
  }
  const current = book.get(owner.id);
  if (current === undefined) throw new Error("The account that was just created does not exist.");
  const after = change(current, book);
  book.set(after);
  await saveAccounts(tx, book, () => newId("mov"));
  return after;
}

/** Adds a movement to the account's ledger, with the caller's root key as the actor. */
export function addMovement(
  { caller }: Pick<TransactContext, "caller">,
  book: AccountBook,
  account: Account,
  entry: {
    kind: Parameters<typeof movementOf>[1];
    quota?: string;
    amount: number;
    reason?: string | undefined;
  },
): void {
  const { kind, quota = null, amount, reason = null } = entry;
  book.movements.push({ ...movementOf(account, kind, quota), amount, reason, actorId: caller.rootKeyId });
}

export const creditsOperation = z
  .enum(["set", "increment", "decrement"])
  .describe(
    "`set` makes `value` the balance, `increment` adds `value` to it, and `decrement` takes `value` away, down to 0. Unlimited credits can only be set.",
  );

export const creditsValue = amount
  .nullable()
  .optional()
  .describe(
    "A number of credits. Required for `increment` and `decrement`. With `set`, null or no value makes the credits unlimited and removes their refill.",
  );

type CreditsStep = {
  operation: z.output<typeof creditsOperation>;
  value?: number | null | undefined;
};

/**
 * Sets, increments or decrements the owner's credits, and returns the credits after the change.
 * Errors: those of `creditsAfter`.
 */
export async function updateCreditsOf(
  context: TransactContext,
  owner: Owner,
  change: CreditsStep,
): Promise<z.input<typeof storedCredits>> {
  const { operation, value } = change;
  const after = await changeAccount(context, owner, (account, book) => {
    const changed = withCredits(account, creditsAfter(change, creditsOf(account.credits)), {
      isSet: operation === "set",
      nowMs: book.nowMs,
    });
    addMovement(context, book, changed, { kind: operation, amount: value ?? 0 });
    return changed;
  });
  return creditsResponse(creditsOf(after.credits));
}

/**
 * The credits after the change, or `undefined` for unlimited credits. A decrement by more than is left leaves 0.
 * Errors: `invalid_input` if `value` is missing, if unlimited credits are incremented or decremented, or if the
 * balance would be too large.
 */
function creditsAfter({ operation, value }: CreditsStep, current: Credits | undefined): Credits | undefined {
  if (operation === "set" && (value === null || value === undefined)) return undefined;
  if (value === null || value === undefined) {
    throw invalid("body.value", `is missing, and ${operation} needs it`, "send a whole number");
  }
  if (operation === "set") return { remaining: value, refill: current?.refill };
  if (current === undefined) {
    throw invalid("body.operation", "changes credits that are unlimited", "send `set` with a number first");
  }
  const sum = operation === "increment" ? current.remaining + value : Math.max(0, current.remaining - value);
  if (sum > Number.MAX_SAFE_INTEGER) {
    throw invalid("body.value", "makes the balance larger than 2^53 - 1", "add less");
  }
  return { ...current, remaining: sum };
}

/**
 * Changes the credits and quotas of an owner as an update says. Fields that the update omits stay unchanged. Returns
 * false if the update changes neither credits nor quotas.
 * Errors: those of `changedCredits` and `parseQuotas`.
 */
export async function updateAccountOf(
  context: TransactContext,
  owner: Owner,
  { credits, quotas }: { credits?: CreditsChange; quotas?: RequestedQuotas | undefined },
): Promise<boolean> {
  const isSet = credits === null || credits?.remaining !== undefined;
  const changesCredits = isSet || (credits !== undefined && credits.refill !== undefined);
  if (!changesCredits && quotas === undefined) return false;
  const rules = quotas && parseQuotas(quotas, await findTimeZone(context.tx, owner.workspaceId));
  await changeAccount(context, owner, (account, book) => {
    const { nowMs } = book;
    let changed = account;
    if (changesCredits) {
      changed = withCredits(account, changedCredits(creditsOf(account.credits), credits), { isSet, nowMs });
      if (isSet) addMovement(context, book, changed, { kind: "set", amount: changed.credits.remaining ?? 0 });
    }
    if (quotas === undefined || rules === undefined) return changed;
    return { ...changed, quotas: changedQuotas(account.quotas, quotas, rules, nowMs) };
  });
  return true;
}

/** The identity's credits and quotas, as members of its response. */
export async function identityAccount(
  context: { db: RunContext["db"]; nowMs: number },
  workspaceId: string,
  { id, hasAccount }: { id: string; hasAccount: boolean },
): Promise<ReturnType<typeof accountResponse>> {
  if (!hasAccount) return {};
  return (await accountResponses(context, [{ workspaceId, id, kind: "identity" }])).get(id) ?? {};
}

/** The credits and quotas of several owners as responses show them, by the owner's id. */
export async function accountResponses(
  { db, nowMs }: { db: RunContext["db"]; nowMs: number },
  owners: readonly Owner[],
): Promise<Map<string, ReturnType<typeof accountResponse>>> {
  const accounts = await findAccounts(db, owners, nowMs);
  return new Map(accounts.map((account) => [account.id, accountResponse(account)]));
}
