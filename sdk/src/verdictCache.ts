import type { VerifyKeyData, VerifyKeyInput } from "./operations.gen.ts";

type Valid = Extract<VerifyKeyData, { valid: true }>;

/** Valid verdicts, which a guard may reuse for `ttlMs`. */
export type VerdictCache = {
  find(client: object, input: VerifyKeyInput): Valid | undefined;
  /**
   * Stores a verdict, unless the key or the guard has limits, quotas or credits. `askedAtMs` is when the verification
   * was sent.
   */
  store(client: object, input: VerifyKeyInput, verdict: Valid, askedAtMs: number): void;
};

type Entry = { verdict: Valid; untilMs: number };

/** At most this many verdicts are cached for each client. The oldest verdict is evicted. */
const maxEntries = 10_000;

export function createVerdictCache(ttlMs: number, nowMs: () => number = Date.now): VerdictCache {
  // one map for each client, because two clients may use different workspaces, and a key is valid in only one of them
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

function isCounted(input: VerifyKeyInput, { ratelimits = [], quotas = [], credits }: Valid): boolean {
  return (
    ratelimits.length > 0 ||
    quotas.length > 0 ||
    credits !== undefined ||
    input.credits !== undefined ||
    (input.ratelimits ?? []).length > 0 ||
    (input.quotas ?? []).length > 0
  );
}
