import { may } from "../../domain/caller.ts";
import { mostPerStart, mostWork, workOf } from "../../domain/oldHashes.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Failure } from "../../errors/failure.ts";
import type { RunContext } from "../../operation.ts";
import { findByDigest, listCandidates, type WaitingKey } from "../../storage/queries/keys/waiting.ts";
import { storeLearnedHash } from "./learning.ts";

type Action = "verify_key" | "read_key";

/**
 * Finds a key that was imported with a hash such as bcrypt, and stores the key's SHA-256. Later requests find the key
 * by this SHA-256. Returns `undefined` if there is no such key, or if the caller may not do `action` with the key.
 * Errors: `hashing_busy`.
 */
export async function findByOldHash(
  context: RunContext,
  key: string,
  action: Action,
): Promise<KeyRecord | undefined> {
  const { caller, caches, hashKey, oldHashes } = context;
  const { workspaceId } = caller;
  const hash = hashKey(key);
  const findStored = () => caches.keys.find(workspaceId, hash); // another request or node may have stored the SHA-256
  if (oldHashes.noneWait(workspaceId)) return undefined;
  if (!(await oldHashes.areWaiting(workspaceId))) return findStored();
  const match = await findWaiting(context, key, action);
  if (match === undefined) return findStored();
  await context.inTransaction(
    async (write) => void (await storeLearnedHash(context, write, match.waiting, hash)),
  );
  const found = await findStored();
  // the SHA-256 was not stored, because a deleted key already has it: later requests with this key skip the comparison
  if (found === undefined) oldHashes.rejectMatch(key, match.compared);
  return found;
}

/** `compared`: the salted hashes that the key was compared with. */
type Match = { waiting: WaitingKey; compared: readonly string[] };

async function findWaiting(
  { caller, db, oldHashes }: RunContext,
  key: string,
  action: Action,
): Promise<Match | undefined> {
  const { workspaceId } = caller;
  const isAllowed = ({ apiId }: WaitingKey) => may(caller, "api", apiId, action);
  const found = await findByDigest(db, workspaceId, oldHashes.digestsOf(key));
  if (found !== undefined) return isAllowed(found) ? { waiting: found, compared: [] } : undefined;
  const candidates = affordable((await listCandidates(db, workspaceId, key)).filter(isAllowed));
  const [first] = candidates;
  if (first === undefined) return undefined;
  const hashes = candidates.map(({ hash }) => hash);
  const compared = await oldHashes.compare(key, hashes, `${workspaceId} ${first.start}`);
  if (compared === "busy") throw busy;
  if (compared === "unknown") return undefined;
  const waiting = candidates.find(({ hash }) => hash === compared.hash);
  return waiting && { waiting, compared: hashes };
}

/**
 * Selects the waiting keys that are compared with a presented key. There are so few that a wrong key costs the server
 * little. The candidates are sorted by how many first characters they share with the presented key, the most first.
 * Those that share the most are always selected, because the import limits their number.
 */
function affordable(candidates: readonly WaitingKey[]): WaitingKey[] {
  let work = 0;
  return candidates.slice(0, mostPerStart).filter(({ hash }) => {
    work += workOf(hash);
    return work <= mostWork;
  });
}

const busy = new Failure("hashing_busy", { headers: { "Retry-After": "1" } });
