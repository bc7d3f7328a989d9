import type { DifferenceExample } from "../storage/queries/upstreamDifferences.ts";
import { type DifferenceKind, differenceKinds } from "./upstream.ts";

/** Counts differences, and stores them without making a request wait. */
export type DifferenceLog = {
  note(kind: DifferenceKind, example: DifferenceExample): void;
  /** since the start of this process */
  counts(): Readonly<Record<DifferenceKind, number>>;
  /** Stores what is not stored yet. */
  close(): Promise<void>;
};

type Added = { count: number; examples: DifferenceExample[] };

const examplesHeld = 10;

/** While one write is under way, what arrives is collected for the next one. What cannot be stored is lost, but counted. */
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
