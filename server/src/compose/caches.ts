import { totalmem } from "node:os";
import type { Config } from "../config.ts";
import type { Metrics } from "../metrics.ts";
import { type Caches, openCaches } from "../storage/caches.ts";
import type { Engine } from "../storage/engine.ts";

const mebibyte = 1024 * 1024;

/** The most bytes that cached keys may use. */
export function keyCacheBytes(config: Config): number {
  return config.CACHE_MEMORY_BYTES ?? fittingBytes();
}

/** The caches, in the sizes of the settings, and their metrics. */
export function cachesOf(config: Config, engine: Engine, metrics: Metrics): Caches {
  const caches = openCaches(engine, keyCacheBytes(config));
  const { keys } = caches;
  metrics.counter("latchkey_key_cache_lookups_total", "Look-ups of keys in the cache.", () => [
    { labels: 'result="hit"', value: keys.uses().hits },
    { labels: 'result="miss"', value: keys.uses().misses },
  ]);
  metrics.gauge("latchkey_key_cache_memory_bytes", "Memory that cached keys use.", keys.bytes);
  return caches;
}

/** An eighth of the memory that this process may use, within bounds. */
function fittingBytes(): number {
  const memory = process.constrainedMemory() || totalmem();
  return Math.min(1024 * mebibyte, Math.max(32 * mebibyte, memory / 8));
}
