import { may } from "../../domain/caller.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Failure } from "../../errors.ts";
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

/** A verdict on a key that exists. */
export type KeyVerdict = Exclude<Verdict, { code: "NOT_FOUND" }>;

type Named = { key: string; migrationId?: string | undefined };

/** The upstream of the caller's workspace, if it has one. */
export function upstreamOf({ upstream, caller }: RunContext): Upstream | undefined {
  return upstream?.workspaceId === caller.workspaceId ? upstream : undefined;
}

/**
 * Finds a key whose hash is not known. If a waiting key begins like it, the upstream is asked once, and the hash of the
 * key that it names is kept. Returns `undefined` if there is no such key that the caller may verify.
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
    await upstream.once(hash, () => ask(context, upstream, named, { hash, start: waiting.start }));
  }
  return caches.keys.find(workspaceId, hash); // another request or node may have learned it
}

type Asked = { hash: string; start: string };

async function ask(
  context: RunContext,
  upstream: Upstream,
  { key, migrationId }: Named,
  { hash, start }: Asked,
): Promise<void> {
  const { caches, caller } = context;
  // a request that found the key waiting may come here after another one has learned it
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

/** An upstream that names a key which does not wait here, or that begins in another way, changes nothing. */
export async function waitingFor(
  { db, caller }: RunContext,
  key: string,
  { keyId }: KeyVerdict,
): Promise<WaitingKey | undefined> {
  const waiting = await findWaitingKey(db, caller.workspaceId, keyId);
  return waiting !== undefined && key.startsWith(waiting.start) ? waiting : undefined;
}

export function noteUnimported(
  { now, requestId }: RunContext,
  upstream: Upstream,
  { keyId, code }: KeyVerdict,
): void {
  const example = { atMs: now(), requestId, keyId, own: "NOT_FOUND", upstream: code };
  upstream.noteDifference("not_imported", example);
}

/** Keeps the hash of a waiting key, and the credits that the upstream says it has left. */
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

/** Identifies a waiting key by its SHA-256. Returns false, and changes nothing, if it does not wait anymore. */
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

/** Whose credits the verdict names. */
export function creditsOwner(
  workspaceId: string,
  { creditsOwner = "key" }: KeyVerdict,
  { subjectId, identityId }: { subjectId: string; identityId: string | null | undefined },
): Owner | undefined {
  const id = creditsOwner === "key" ? subjectId : identityId;
  return id ? { workspaceId, id, kind: creditsOwner } : undefined;
}

/** Sets the balance, unless it is the same. `undefined` changes nothing, since the upstream may only have left it out. */
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
    detail: `Only the upstream server can decide about this key, and it is not available: ${reason}.`,
    headers: { "Retry-After": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
  });
}
