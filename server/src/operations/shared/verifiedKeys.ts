import { may } from "../../domain/caller.ts";
import { itemAt } from "../../domain/itemAt.ts";
import { allAvailable, type MaybePromise, whenAvailable } from "../../domain/maybePromise.ts";
import { type Settled, settleLater } from "../../domain/settled.ts";
import type { Why } from "../../domain/usage.ts";
import { isInKeyspaces, type KeyRecord } from "../../domain/verification.ts";
import type { RunContext } from "../../operation.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import { keptRequest } from "./keptRequests.ts";
import { findThroughUpstream, upstreamOf } from "./learning.ts";
import { findMigratedKey } from "./migratedKeys.ts";
import { findByOldHash } from "./oldHashes.ts";
import type { Outcome } from "./verification.ts";
import type { VerificationInput } from "./verificationInput.ts";

/** Whether the caller may know that the key exists. If not, the response is the one for a key that does not exist. */
export function isVisible({ caller }: RunContext, key: KeyRecord, keyspaces: readonly string[] | undefined) {
  if (keyspaces !== undefined && !isInKeyspaces(key, keyspaces)) return false;
  return may(caller, "api", key.apiId, "verify_key");
}

/**
 * Finds a presented key by its SHA-256. If a key was migrated or imported without its SHA-256, finds the key at its
 * first verification by what was stored instead. In fallback mode, asks the upstream which waiting key was presented.
 * Errors: `key_malformed`, `hashing_busy`, `upstream_unavailable`.
 */
export function findVerifiedKey(context: RunContext, named: Named): MaybePromise<KeyRecord | undefined> {
  return whenAvailable(findKey(context, named.key), orMissing, context, named);
}

function orMissing(
  record: KeyRecord | undefined,
  context: RunContext,
  named: Named,
  inTurn?: InTurn,
): MaybePromise<KeyRecord | undefined> {
  if (record !== undefined) return record;
  const isNowhere =
    !named.migrationId &&
    context.oldHashes.noneWait(context.caller.workspaceId) &&
    fallbackOf(context) === undefined;
  return isNowhere ? undefined : findMissingKey(context, named, inTurn);
}

/** Finds a key whose SHA-256 is not stored. */
async function findMissingKey(
  context: RunContext,
  named: Named,
  inTurn: InTurn = (find) => find(),
): Promise<KeyRecord | undefined> {
  const { key, migrationId } = named;
  const migrated = migrationId ? await findMigratedKey(context, key, migrationId) : undefined;
  const found = migrated ?? (await inTurn(() => findByOldHash(context, key, "verify_key")));
  const upstream = fallbackOf(context);
  return found ?? (upstream && findThroughUpstream(context, upstream, named));
}

function fallbackOf(context: RunContext): Upstream | undefined {
  if (context.upstream === undefined) return undefined;
  const upstream = upstreamOf(context);
  return upstream?.mode === "fallback" ? upstream : undefined;
}

function findKey({ caches, caller, hashKey }: RunContext, key: string): MaybePromise<KeyRecord | undefined> {
  return caches.keys.find(caller.workspaceId, hashKey(key));
}

type Named = { key: string; migrationId?: string | undefined };

type Find = () => Promise<KeyRecord | undefined>;
type InTurn = (find: Find) => Promise<KeyRecord | undefined>;

/**
 * Returns a function that runs the searches by old hash that it is given, one after the other. Only a few comparisons
 * with slow hashes may run or wait at a time: if a batch started all of its searches at once, some would fail with
 * `hashing_busy`.
 */
function oneAtATime(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (find) => {
    const result = last.then(find);
    last = result.catch(() => {});
    return result;
  };
}

/**
 * Returns the same as `findVerifiedKey` for one entry after the other, but looks all keys up together. An entry that is
 * already an error keeps its error.
 */
export async function findVerifiedKeys(
  context: RunContext,
  entries: readonly Settled<Named>[],
): Promise<readonly Settled<KeyRecord | undefined>[]> {
  const looked = await allAvailable<Settled<KeyRecord | undefined>>(
    entries.map((entry) => ("error" in entry ? entry : settleLater(findKey, context, entry.value.key))),
  );
  // an entry that names a migration may store the hash by which later entries find their key: then all run in order
  const isMissing = (index: number) => {
    const one = itemAt(looked, index);
    return "value" in one && one.value === undefined;
  };
  const isMigrating = (entry: Settled<Named>, index: number) =>
    "value" in entry && entry.value.migrationId && isMissing(index);
  if (!entries.some(isMigrating)) {
    const inTurn = oneAtATime();
    return allAvailable(
      entries.map((entry, index) =>
        "error" in entry || !isMissing(index)
          ? itemAt(looked, index)
          : settleLater(orMissing, undefined, context, entry.value, inTurn),
      ),
    );
  }
  const found = [...looked];
  for (const [index, entry] of entries.entries()) {
    if ("error" in entry || !isMissing(index)) continue;
    found[index] = await settleLater(findVerifiedKey, context, entry.value);
  }
  return found;
}

/** Records one verification for the operations of `analytics`. */
export function recordOutcome(
  { usage, nowMs, requestId }: RunContext,
  key: KeyRecord,
  outcome: Outcome,
  input: VerificationInput,
): void {
  const { tags = noTags, permissions } = input;
  // the client's IP address is kept only if an IP list may have refused it
  const hasList = key.apiAddresses !== undefined || key.addresses !== undefined;
  usage.record({
    atMs: nowMs,
    workspaceId: key.workspaceId,
    requestId,
    keyId: key.id,
    identityId: key.identity?.id,
    apiId: key.apiId,
    outcome: outcome.code,
    why: reasonFor(key, outcome, permissions),
    credits: outcome.spent,
    tags,
    request: keptRequest(input, outcome.code !== "VALID", hasList ? input.ip : undefined),
  });
}

const noTags: readonly string[] = [];

/** Records the verification of a key that does not exist, or that the caller may not verify. */
export function recordNotFound(
  { usage, nowMs, requestId, caller, hashKey }: RunContext,
  input: VerificationInput,
): void {
  const { key, tags = noTags } = input;
  usage.record({
    atMs: nowMs,
    workspaceId: caller.workspaceId,
    requestId,
    keyHash: hashKey(key),
    outcome: "NOT_FOUND",
    why: { check: "found" },
    credits: 0,
    tags,
    request: keptRequest(input, true, undefined),
  });
}

function reasonFor(
  { workspaceEnabled }: KeyRecord,
  { code, counted }: Outcome,
  permissions: string | undefined,
): Why | undefined {
  switch (code) {
    case "VALID":
      return undefined;
    case "FORBIDDEN":
      return { check: workspaceEnabled ? "ipAllowList" : "workspace" };
    case "DISABLED":
      return { check: "enabled" };
    case "EXPIRED":
      return { check: "expiry" };
    case "INSUFFICIENT_PERMISSIONS":
      return { check: "permissions", name: permissions };
    case "RATE_LIMITED":
      return exceededLimit(counted);
    case "USAGE_EXCEEDED":
      return { check: "credits" };
  }
}

/** The first limit that refused. */
function exceededLimit(counted: Outcome["counted"]): Why {
  const exceeded = counted?.ratelimits.find((_, index) => counted.hit.windows[index]?.passed === false);
  return {
    check: "ratelimit",
    name: exceeded?.name,
    limit: exceeded?.limit,
    durationMs: exceeded?.durationMs,
  };
}
