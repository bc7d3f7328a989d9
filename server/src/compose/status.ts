import type { Config } from "../config/settings.ts";
import { shownSettings } from "../config/shown.ts";
import type { ServerStatus } from "../services.ts";
import type { Engine } from "../storage/engine.ts";
import { version } from "../version.ts";
import { keyCacheBytes } from "./caches.ts";
import type { ObservedCounters } from "./counters.ts";

/** Returns a function that returns the state of this process at the time of the call. */
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
