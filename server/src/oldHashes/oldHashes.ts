import { createHash, createHmac } from "node:crypto";
import { storedDigest } from "../domain/oldHashes.ts";
import { singleFlight } from "../upstream/singleFlight.ts";
import { unknownKeys } from "../upstream/unknownKeys.ts";
import { type Comparison, type HashThreads, hashThreads } from "./hashThreads.ts";

export const comparisonResults = ["matched", "unknown", "busy"] as const;

export type ComparisonResult = (typeof comparisonResults)[number];

/** Recognizes keys by the hashes of the systems that they were imported from. */
export type OldHashes = {
  /** Returns whether the workspace has waiting keys with a hash other than SHA-256. The result may be a second old. */
  areWaiting(workspaceId: string): Promise<boolean>;
  /** Returns whether `areWaiting` found no such keys within the last second. Does not read the database. */
  noneWait(workspaceId: string): boolean;
  /** whether the secret of the HMACs is set */
  hasHmacSecret: boolean;
  /**
   * Returns every unsalted digest under which this key may be stored: its SHA-512, and its HMACs if they have a secret.
   */
  digestsOf(key: string): string[];
  /**
   * Compares the key with salted hashes, and returns the first hash that matches. Remembers for a minute that none
   * matched. `place`: the workspace and the start of the waiting keys. "busy": too many keys are being compared, in
   * total or with the hashes of this place.
   */
  compare(key: string, hashes: readonly string[], place: string): Promise<Comparison>;
  /**
   * Makes `compare` return "unknown" for a minute although a hash matches. Call it if the waiting key cannot be used.
   */
  rejectMatch(key: string, hashes: readonly string[]): void;
  /** Returns the number of comparisons since the start of this process, by result. */
  results(): Readonly<Record<ComparisonResult, number>>;
  /** Returns the number of comparisons that run or are queued. */
  pending(): number;
  close(): Promise<void>;
};

type Options = {
  /** the secret of the HMACs; undefined if it is not set */
  hmacSecret: Uint8Array | undefined;
  threads: number;
  monotonicMs(): number;
  /** Like `areWaiting`, but always reads the database. */
  hasOldHashes(workspaceId: string): Promise<boolean>;
  /** Called with the reason if a key could not be compared with the hashes of a place. */
  onFailure(place: string, message: string): void;
};

export function openOldHashes({
  hmacSecret,
  threads,
  monotonicMs,
  hasOldHashes,
  onFailure,
}: Options): OldHashes {
  const unknown = unknownKeys(monotonicMs);
  const once = singleFlight<Comparison>();
  const results = { matched: 0, unknown: 0, busy: 0 };
  const pool = hashThreads(threads, onFailure);
  // the name of a comparison covers the key and all hashes: if the hashes have changed, the key is compared again
  const nameOf = (key: string, hashes: readonly string[]) =>
    createHash("sha256")
      .update(JSON.stringify([key, hashes]))
      .digest("base64url");

  async function compare(name: string, ...asked: Parameters<HashThreads["compare"]>) {
    const found = await pool.compare(...asked);
    if (found === "unknown") unknown.add(name);
    results[typeof found === "string" ? found : "matched"] += 1;
    return found;
  }

  return {
    ...remembered(hasOldHashes, monotonicMs),
    hasHmacSecret: hmacSecret !== undefined,
    digestsOf(key) {
      const digests = [storedDigest("sha512", createHash("sha512").update(key).digest("base64url"))];
      if (hmacSecret === undefined) return digests;
      for (const digest of ["sha256", "sha512"] as const) {
        const hmac = createHmac(digest, hmacSecret).update(key).digest("base64url");
        digests.push(storedDigest(`hmac-${digest}`, hmac));
      }
      return digests;
    },
    async compare(key, hashes, place) {
      const name = nameOf(key, hashes);
      if (unknown.has(name)) return "unknown";
      return once(name, () => compare(name, { key, hashes }, place));
    },
    rejectMatch: (key, hashes) => unknown.add(nameOf(key, hashes)),
    results: () => results,
    pending: pool.pending,
    close: pool.close,
  };
}

const rememberedForMs = 1_000;

/** Remembers the result of `find` for each workspace for a second. */
function remembered(
  find: (workspaceId: string) => Promise<boolean>,
  nowMs: () => number,
): Pick<OldHashes, "areWaiting" | "noneWait"> {
  const known = new Map<string, { found: boolean; untilMs: number }>();
  const once = singleFlight<boolean>();
  const latest = (workspaceId: string) => {
    const one = known.get(workspaceId);
    return one !== undefined && nowMs() < one.untilMs ? one.found : undefined;
  };
  return {
    noneWait: (workspaceId) => latest(workspaceId) === false,
    areWaiting: async (workspaceId) =>
      latest(workspaceId) ??
      once(workspaceId, async () => {
        const found = await find(workspaceId);
        known.set(workspaceId, { found, untilMs: nowMs() + rememberedForMs });
        return found;
      }),
  };
}
