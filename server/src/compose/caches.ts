import { totalmem } from "node:os";
import type { Config } from "../config/settings.ts";
import type { Metrics } from "../metrics.ts";
import { type Caches, openCaches } from "../storage/caches.ts";
import type { Engine } from "../storage/engine.ts";

const mebibyte = 1024 * 1024;

/** Returns the maximum memory for cached keys, in bytes. */
export function keyCacheBytes(config: Config): number {
  return config.CACHE_MEMORY_BYTES ?? fittingBytes();
}

/** Opens the caches with their configured sizes, and registers their metrics. */
export function cachesOf(config: Config, engine: Engine, metrics: Metrics): Caches {
  const caches = openCaches(engine, keyCacheBytes(config));
  const { keys } = caches;
  metrics.counter(
    "latchkey_key_cache_lookups_total",
    "Verifications that looked for their key in the cache.",
    () => [
      { labels: 'result="hit"', value: keys.uses().hits },
      { labels: 'result="miss"', value: keys.uses().misses },
    ],
  );
  metrics.gauge("latchkey_key_cache_memory_bytes", "Memory that cached keys use.", keys.bytes);
  return caches;
}

/** The default size of the key cache: an eighth of this process's memory, but at least 32 MiB and at most 1 GiB. */
function fittingBytes(): number {
  const memory = process.constrainedMemory() || totalmem();
  return Math.min(1024 * mebibyte, Math.max(32 * mebibyte, memory / 8));
}
