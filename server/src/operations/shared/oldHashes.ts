import { may } from "../../domain/caller.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Failure } from "../../errors.ts";
import type { RunContext } from "../../operation.ts";
import { findByDigest, listCandidates, type WaitingKey } from "../../storage/queries/keys/waiting.ts";
import { storeLearnedHash } from "./learning.ts";

type Action = "verify_key" | "read_key";

/**
 * Finds a key that was imported with another hash than a SHA-256. It is stored under its SHA-256 from then on. Returns
 * `undefined` if there is no such key for which the caller has the permission.
 * Errors: `hashing_busy`.
 */
export async function findByOldHash(
  context: RunContext,
  key: string,
  action: Action,
): Promise<KeyRecord | undefined> {
  const { caller, caches, hashKey, oldHashes } = context;
  if (!(await oldHashes.areWaiting(caller.workspaceId))) return undefined;
  const waiting = await findWaiting(context, key, action);
  const hash = hashKey(key);
  if (waiting !== undefined) {
    await context.inTransaction(
      async (write) => void (await storeLearnedHash(context, write, waiting, hash)),
    );
  }
  return caches.keys.find(caller.workspaceId, hash); // another request or node may have been the first
}

async function findWaiting(
  { caller, db, oldHashes }: RunContext,
  key: string,
  action: Action,
): Promise<WaitingKey | undefined> {
  const { workspaceId } = caller;
  const isAllowed = ({ apiId }: WaitingKey) => may(caller, "api", apiId, action);
  const found = await findByDigest(db, workspaceId, oldHashes.digestsOf(key));
  if (found !== undefined) return isAllowed(found) ? found : undefined;
  const candidates = (await listCandidates(db, workspaceId, key)).filter(isAllowed);
  const [first] = candidates;
  if (first === undefined) return undefined;
  const hashes = candidates.map(({ hash }) => hash);
  const compared = await oldHashes.compare(key, hashes, `${workspaceId} ${first.start}`);
  if (compared === "busy") throw busy;
  return compared === "unknown" ? undefined : candidates.find(({ hash }) => hash === compared.hash);
}

const busy = new Failure("hashing_busy", { headers: { "Retry-After": "1" } });
