import { createHash, createHmac } from "node:crypto";
import { storedDigest } from "../domain/oldHashes.ts";
import { singleFlight } from "../upstream/singleFlight.ts";
import { unknownKeys } from "../upstream/unknownKeys.ts";
import { type Comparison, type HashThreads, hashThreads } from "./hashThreads.ts";

export const guessResults = ["matched", "unknown", "busy"] as const;

export type GuessResult = (typeof guessResults)[number];

/** Recognizes keys by the hashes of the systems that they were imported from. */
export type OldHashes = {
  /** Whether keys of the workspace wait under such a hash, as of the last second. */
  areWaiting(workspaceId: string): Promise<boolean>;
  /** Whether `areWaiting` found out within the last second that none wait. */
  noneWait(workspaceId: string): boolean;
  /** whether HMACs can be computed */
  hasHmacSecret: boolean;
  /** Every digest that may be stored for this key. */
  digestsOf(key: string): string[];
  /**
   * Finds the first of these salted hashes that the key has. Guesses that were wrong are remembered for a minute. "busy":
   * too many keys are being compared, in all or with the same `place`.
   */
  compare(key: string, hashes: readonly string[], place: string): Promise<Comparison>;
  /** Remembers a guess as wrong although it was right, since the key that it found cannot be used. */
  rejectMatch(key: string, hashes: readonly string[]): void;
  /** how often keys were compared since the start, by what came of it */
  results(): Readonly<Record<GuessResult, number>>;
  /** comparisons that run or are queued */
  pending(): number;
  close(): Promise<void>;
};

type Options = {
  /** the key of the HMACs; undefined: not set */
  hmacSecret: Uint8Array | undefined;
  threads: number;
  monotonicMs(): number;
  /** Queries the database. */
  hasOldHashes(workspaceId: string): Promise<boolean>;
  /** Told why something could not be compared with the hashes of a `place`. */
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
  // a guess is named by all that decides about it, so that one about other keys is made
  const nameOf = (key: string, hashes: readonly string[]) =>
    createHash("sha256")
      .update(JSON.stringify([key, hashes]))
      .digest("base64url");

  async function compare(guess: string, ...asked: Parameters<HashThreads["compare"]>) {
    const found = await pool.compare(...asked);
    if (found === "unknown") unknown.add(guess);
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
      const guess = nameOf(key, hashes);
      if (unknown.has(guess)) return "unknown";
      return once(guess, () => compare(guess, { key, hashes }, place));
    },
    rejectMatch: (key, hashes) => unknown.add(nameOf(key, hashes)),
    results: () => results,
    pending: pool.pending,
    close: pool.close,
  };
}

const rememberedForMs = 1_000;

/** What was found out about a workspace less than a second ago is not asked again. */
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
