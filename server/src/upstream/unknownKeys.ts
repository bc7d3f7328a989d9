/** Remembers the hashes of keys that turned out to be unknown: at most 10,000, each for a minute. */
export type UnknownKeys = { has(hash: string): boolean; add(hash: string): void };

const mostRemembered = 10_000;
const rememberedForMs = 60_000;

export function unknownKeys(nowMs: () => number): UnknownKeys {
  const untilMs = new Map<string, number>(); // hashes in the order in which they were added
  return {
    has: (hash) => nowMs() < (untilMs.get(hash) ?? 0),
    add(hash) {
      untilMs.delete(hash);
      untilMs.set(hash, nowMs() + rememberedForMs);
      const [oldest] = untilMs.keys();
      if (untilMs.size > mostRemembered && oldest !== undefined) untilMs.delete(oldest);
    },
  };
}
