import type { DifferenceExample } from "../storage/queries/upstreamDifferences.ts";
import { type DifferenceKind, differenceKinds } from "./upstream.ts";

/**
 * Counts how often the upstream and this server decide differently, and stores the counts. No request waits until they
 * are stored.
 */
export type DifferenceLog = {
  note(kind: DifferenceKind, example: DifferenceExample): void;
  /** Returns the counts since the start of this process. */
  counts(): Readonly<Record<DifferenceKind, number>>;
  /** Waits until everything is stored. */
  close(): Promise<void>;
};

type Added = { count: number; examples: DifferenceExample[] };

const examplesHeld = 10;

/**
 * Creates a log that calls `store` to store differences. While a write is in progress, further differences are
 * collected for the next write. If a write fails, its differences are missing in the database, but `counts` includes
 * them.
 */
export function differenceLog(store: (kind: DifferenceKind, added: Added) => Promise<void>): DifferenceLog {
  const counts = Object.fromEntries(differenceKinds.map((kind) => [kind, 0])) as Record<
    DifferenceKind,
    number
  >;
  let waiting = new Map<DifferenceKind, Added>();
  let storing: Promise<void> | undefined;

  async function storeAll(): Promise<void> {
    while (waiting.size > 0) {
      const taken = waiting;
      waiting = new Map();
      for (const [kind, added] of taken) await store(kind, added).catch(() => undefined);
    }
    storing = undefined;
  }

  return {
    note(kind, example) {
      counts[kind] += 1;
      const known = waiting.get(kind) ?? { count: 0, examples: [] };
      known.count += 1;
      known.examples = [...known.examples, example].slice(-examplesHeld);
      waiting.set(kind, known);
      storing ??= storeAll();
    },
    counts: () => counts,
    close: async () => storing,
  };
}
