import { type Config, shownSettings } from "../config.ts";
import type { ServerStatus } from "../services.ts";
import type { Engine } from "../storage/engine.ts";
import { version } from "../version.ts";
import { keyCacheBytes } from "./caches.ts";
import type { ObservedCounters } from "./counters.ts";

/** Call it at the start: the returned function tells the state of this process from then on. */
export function statusOf(
  config: Config,
  { engine, counters, startedAtMs }: { engine: Engine; counters: ObservedCounters; startedAtMs: number },
): () => ServerStatus {
  const settings = shownSettings(config);
  const maxKeyCacheBytes = keyCacheBytes(config);
  return () => ({
    version,
    startedAtMs,
    engine: engine.name,
    nodes: engine.liveNodes(),
    redis: counters.isUp === undefined ? "not_configured" : counters.isUp() ? "up" : "down",
    maxKeyCacheBytes,
    settings,
  });
}
