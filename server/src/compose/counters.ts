import { type Config, ConfigError } from "../config/settings.ts";
import type { Counters } from "../counters/counters.ts";
import { type JournalOptions, journaledCounters } from "../counters/memory/journal.ts";
import { memoryCounters } from "../counters/memory/memory.ts";
import { RedisRefused } from "../counters/redis/faults.ts";
import { redisCounters } from "../counters/redis/redis.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";

type Parts = {
  monotonicMs(): number;
  log: Log;
  metrics: Metrics;
  liveNodes(): number;
  newHitId(): string;
};

/**
 * Counters in Redis also have `isUp`: whether Redis decides. While it returns false, this node decides from its memory.
 */
export type ObservedCounters = Counters & { isUp?(): boolean };

/**
 * Creates the rate limit counters, in Redis if `REDIS_URL` is set, otherwise in memory, and registers their metrics.
 * Errors: `ConfigError` if Redis refuses this program, because of a wrong password for example.
 */
export function countersOf(config: Config, parts: Parts): Promise<ObservedCounters> {
  const { REDIS_URL: url } = config;
  return url === undefined ? ownCounters(config, parts) : sharedCounters(url, config, parts);
}

/**
 * Creates counters in memory, for this process only. If the database is a SQLite file, a journal next to it records
 * them, so that they survive a restart.
 */
async function ownCounters(config: Config, { monotonicMs, log, metrics }: Parts): Promise<Counters> {
  const options = {
    nowMs: monotonicMs,
    maxBytes: config.COUNTER_MEMORY_BYTES,
    onEvict: metrics.countersEvicted,
  };
  const file = config.DATABASE_URL.kind === "file" ? config.DATABASE_URL.path : undefined;
  const counters =
    file === undefined
      ? memoryCounters(options)
      : await tickingCounters({
          ...options,
          path: `${file}.counters`,
          onProblem: (message) => log("warn", "counters_journal", { message }),
        });
  metrics.gauge("latchkey_counters", "Rate limit counters in memory.", counters.size);
  metrics.gauge("latchkey_counter_memory_bytes", "Memory that rate limit counters use.", counters.bytes);
  return counters;
}

const journalTickMs = 1_000;

async function tickingCounters(options: JournalOptions) {
  const counters = await journaledCounters(options);
  const timer = setInterval(() => void counters.tick(), journalTickMs);
  timer.unref();
  return {
    ...counters,
    async close() {
      clearInterval(timer);
      await counters.close();
    },
  };
}

const redisDeadlineMs = 25;

/** Creates counters in Redis, which all nodes share. */
async function sharedCounters(url: string, config: Config, parts: Parts): Promise<Counters> {
  const { monotonicMs, log, metrics, liveNodes, newHitId } = parts;
  let losses = 0;
  let localDecisions = 0;
  const counters = await redisCounters({
    url,
    deadlineMs: redisDeadlineMs,
    monotonicMs,
    liveNodes,
    maxLocalBytes: config.COUNTER_MEMORY_BYTES,
    newId: newHitId,
    onEvict: metrics.countersEvicted,
    onLoss: () => {
      losses += 1;
    },
    onLocalDecision: () => {
      localDecisions += 1;
    },
    onDown: (reason) => log("warn", "redis_down", { reason }),
    onBack: (outage) => log("info", "redis_back", outage),
  }).catch((error: unknown) => {
    throw error instanceof RedisRefused ? new ConfigError(`REDIS_URL: ${error.message}.`) : error;
  });
  metrics.counter(
    "latchkey_counter_losses_total",
    "How often this process found that Redis had lost counters.",
    () => losses,
  );
  metrics.counter(
    "latchkey_local_decisions_total",
    "Rate limit decisions that this process made without Redis.",
    () => localDecisions,
  );
  metrics.gauge(
    "latchkey_redis_up",
    "1 while Redis decides rate limits, 0 while this process decides alone.",
    () => (counters.isUp() ? 1 : 0),
  );
  return counters;
}
