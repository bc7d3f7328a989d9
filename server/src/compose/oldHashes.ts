import { availableParallelism } from "node:os";
import { configuredHmacSecret } from "../config/secrets.ts";
import type { Config } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { comparisonResults, type OldHashes, openOldHashes } from "../oldHashes/oldHashes.ts";
import type { Engine } from "../storage/engine.ts";
import { hasOldHashes } from "../storage/queries/keys/waiting.ts";

type Parts = { engine: Engine; metrics: Metrics; monotonicMs(): number; log: Log };

const mostThreads = 4;

/**
 * Creates the service that recognizes keys that were imported with a hash other than SHA-256, such as bcrypt. The
 * service compares keys with hashes in threads: half as many as the machine has processors, but at least one and at
 * most four. Errors: `ConfigError` if the file with the secret of HMAC hashes cannot be read.
 */
export function oldHashesOf(config: Config, { engine, metrics, monotonicMs, log }: Parts): OldHashes {
  const oldHashes = openOldHashes({
    hmacSecret: configuredHmacSecret(config),
    threads: Math.min(mostThreads, Math.max(1, Math.floor(availableParallelism() / 2))),
    monotonicMs,
    hasOldHashes: (workspaceId) => hasOldHashes(engine.db, workspaceId),
    onFailure: (place, message) => log("error", "old_hash_failed", { place, message }),
  });
  metrics.counter(
    "latchkey_old_hash_comparisons_total",
    "Keys that were compared with bcrypt, argon2 or PBKDF2 hashes of imported keys.",
    () => comparisonResults.map((one) => ({ labels: `result="${one}"`, value: oldHashes.results()[one] })),
  );
  metrics.gauge(
    "latchkey_old_hash_comparisons_pending",
    "Keys that are being compared with bcrypt, argon2 or PBKDF2 hashes, or wait for such a comparison.",
    oldHashes.pending,
  );
  return oldHashes;
}
