import { may } from "../../domain/caller.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Failure } from "../../errors/failure.ts";
import type { RunContext, TransactContext, Write } from "../../operation.ts";
import { findAccounts, type Owner } from "../../storage/queries/accounts.ts";
import {
  applyLearnedHash,
  findWaitingKey,
  findWaitingStart,
  type WaitingKey,
} from "../../storage/queries/keys/waiting.ts";
import type { Upstream, UpstreamResponse } from "../../upstream/upstream.ts";
import type { Verdict } from "../../upstream/verdict.ts";
import { updateCreditsOf } from "./accounts.ts";

/** The upstream's verdict on a key that exists there. */
export type KeyVerdict = Exclude<Verdict, { code: "NOT_FOUND" }>;

type Named = { key: string; migrationId?: string | undefined };

/** The upstream of the caller's workspace, if it has one. */
export function upstreamOf({ upstream, caller }: RunContext): Upstream | undefined {
  return upstream?.workspaceId === caller.workspaceId ? upstream : undefined;
}

/**
 * Finds a key whose hash is not stored yet. If a waiting key has the same first characters, asks the upstream, and
 * stores the hash with the waiting key that the upstream names. Returns `undefined` if there is no such key, or if the
 * caller may not verify it.
 * Errors: `upstream_unavailable`.
 */
export async function findThroughUpstream(
  context: RunContext,
  upstream: Upstream,
  named: Named,
): Promise<KeyRecord | undefined> {
  const { caller, db, hashKey, caches } = context;
  const { workspaceId } = caller;
  const hash = hashKey(named.key);
  if (upstream.unknown.has(hash)) return undefined;
  const waiting = await findWaitingStart(db, workspaceId, named.key);
  if (waiting !== undefined) {
    await upstream.singleFlight(hash, () => ask(context, upstream, named, { hash, start: waiting.start }));
  }
  return caches.keys.find(workspaceId, hash); // `ask`, another request or another node may have stored the hash
}

type Asked = { hash: string; start: string };

async function ask(
  context: RunContext,
  upstream: Upstream,
  { key, migrationId }: Named,
  { hash, start }: Asked,
): Promise<void> {
  const { caches, caller } = context;
  // if another request has stored the hash meanwhile, there is no need to ask the upstream
  if ((await caches.keys.find(caller.workspaceId, hash)) !== undefined) return;
  if (!upstream.mayAsk(start)) throw unavailable({ unavailable: "too many unknown keys", retryAfterMs: 0 });
  const migration = migrationId === undefined ? {} : { migrationId };
  const response = await upstream.verify({ key, credits: { cost: 0 }, ...migration });
  if ("unavailable" in response) throw unavailable(response);
  if ("refused" in response) throw unavailable({ unavailable: response.refused, retryAfterMs: 0 });
  const { verdict } = response;
  if (verdict.code === "NOT_FOUND") return upstream.unknown.add(hash);
  const waiting = await waitingFor(context, key, verdict);
  if (waiting === undefined) {
    upstream.unknown.add(hash);
    noteUnimported(context, upstream, verdict);
  } else if (may(caller, "api", waiting.apiId, "verify_key")) {
    await learn(context, waiting, verdict, hash);
  }
}

/**
 * The waiting key that the verdict names. Undefined if that key does not wait, or if `key` begins with other
 * characters.
 */
export async function waitingFor(
  { db, caller }: RunContext,
  key: string,
  { keyId }: KeyVerdict,
): Promise<WaitingKey | undefined> {
  const waiting = await findWaitingKey(db, caller.workspaceId, keyId);
  return waiting !== undefined && key.startsWith(waiting.start) ? waiting : undefined;
}

/** Records that the upstream has a key that was not imported. */
export function noteUnimported(
  { now, requestId }: RunContext,
  upstream: Upstream,
  { keyId, code }: KeyVerdict,
): void {
  const example = { atMs: now(), requestId, keyId, own: "NOT_FOUND", upstream: code };
  upstream.noteDifference("not_imported", example);
}

/** Stores the hash of a waiting key, and the credits that the key has left according to the upstream. */
export async function learn(
  context: RunContext,
  waiting: WaitingKey,
  verdict: KeyVerdict,
  hash: string,
): Promise<void> {
  const { workspaceId } = context.caller;
  await context.inTransaction(async (write) => {
    if (!(await storeLearnedHash(context, write, waiting, hash))) return;
    const owner = creditsOwner(workspaceId, verdict, waiting);
    if (owner !== undefined)
      await setCredits({ ...context, ...write, note: context.note }, owner, verdict.credits);
  });
}

/** Stores the SHA-256 of a waiting key. Returns false and changes nothing if the key no longer waits. */
export async function storeLearnedHash(
  { caller, now }: RunContext,
  { tx, audit, evict }: Write,
  waiting: WaitingKey,
  hash: string,
): Promise<boolean> {
  if (!(await applyLearnedHash(tx, caller.workspaceId, waiting, { hash, nowMs: now() }))) return false;
  audit("key.update", waiting.id, ["hash"]);
  evict(waiting.id);
  return true;
}

/** The owner of the credits in the verdict: the key or its identity. Undefined if the key has no such identity here. */
export function creditsOwner(
  workspaceId: string,
  { creditsOwner = "key" }: KeyVerdict,
  { subjectId, identityId }: { subjectId: string; identityId: string | null | undefined },
): Owner | undefined {
  const id = creditsOwner === "key" ? subjectId : identityId;
  return id ? { workspaceId, id, kind: creditsOwner } : undefined;
}

/**
 * Sets the owner's credits to `value`. If `value` is undefined, changes nothing: an upstream that sends no credits may
 * still limit them.
 */
export async function setCredits(
  context: TransactContext,
  owner: Owner,
  value: number | undefined,
): Promise<void> {
  if (value === undefined) return;
  const [account] = await findAccounts(context.tx, [owner], context.now());
  if (account?.credits.remaining === value) return;
  await updateCreditsOf(context, owner, { operation: "set", value });
  context.evict(owner.id);
}

/** The 503 for a key that only the upstream can judge. */
export function unavailable({
  unavailable: reason,
  retryAfterMs,
}: Extract<UpstreamResponse, { unavailable: string }>) {
  return new Failure("upstream_unavailable", {
    detail: `Only the upstream server can decide about this key, but it did not: ${reason}.`,
    headers: { "Retry-After": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
  });
}
