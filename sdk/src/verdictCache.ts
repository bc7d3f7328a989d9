import type { VerifyKeyData, VerifyKeyInput } from "./operations.gen.ts";

type Valid = Extract<VerifyKeyData, { valid: true }>;

/** Verdicts that may be used again for a short time. */
export type VerdictCache = {
  find(client: object, input: VerifyKeyInput): Valid | undefined;
  /** Stores the verdict if nothing is counted for its key; `askedAtMs` is when the verification was sent. */
  store(client: object, input: VerifyKeyInput, verdict: Valid, askedAtMs: number): void;
};

type Entry = { verdict: Valid; untilMs: number };

/** At most this many verdicts are kept for each client; the oldest is evicted. */
const maxEntries = 10_000;

export function createVerdictCache(ttlMs: number, nowMs: () => number = Date.now): VerdictCache {
  // one map for each client, since the same key may mean something else in another workspace
  const clients = new WeakMap<object, Map<string, Entry>>();
  return {
    find(client, input) {
      const entry = clients.get(client)?.get(JSON.stringify(input));
      return entry !== undefined && nowMs() < entry.untilMs ? entry.verdict : undefined;
    },
    store(client, input, verdict, askedAtMs) {
      if (isCounted(input, verdict)) return;
      const entries = clients.get(client) ?? new Map<string, Entry>();
      clients.set(client, entries);
      const name = JSON.stringify(input);
      entries.delete(name);
      entries.set(name, { verdict, untilMs: Math.min(askedAtMs + ttlMs, verdict.expires ?? Infinity) });
      if (entries.size > maxEntries) entries.delete(entries.keys().next().value ?? "");
    },
  };
}

function isCounted(input: VerifyKeyInput, { ratelimits = [], credits }: Valid): boolean {
  return (
    ratelimits.length > 0 ||
    credits !== undefined ||
    input.credits !== undefined ||
    (input.ratelimits ?? []).length > 0
  );
}
