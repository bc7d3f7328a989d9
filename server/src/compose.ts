import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Config, ConfigError, givenRecoveryKey, givenRootKey } from "./config.ts";
import type { Counters } from "./counters/counters.ts";
import { type JournalOptions, journaledCounters } from "./counters/journal.ts";
import { memoryCounters } from "./counters/memory.ts";
import { redisCounters } from "./counters/redis.ts";
import { RedisRefused } from "./counters/redisFaults.ts";
import { idMaker } from "./domain/ids.ts";
import { collectUsage, type Usage } from "./events/usage.ts";
import { startUsageThread } from "./events/usageThread.ts";
import { FirstStartError, firstStart } from "./firstStart.ts";
import { type ClientAddress, clientAddress } from "./http/clientAddress.ts";
import { serveHttp } from "./http/serve.ts";
import { serveMetrics } from "./http/serveMetrics.ts";
import type { Log } from "./log.ts";
import { type Metrics, makeMetrics, measureProcess } from "./metrics.ts";
import type { Recovery } from "./operation.ts";
import { operations } from "./operations/index.ts";
import type { Services } from "./run.ts";
import { hashKey, randomBytes } from "./runtime.ts";
import { recoveryWith } from "./sealing.ts";
import { type RecordCache, recordCache, workspaceKeyParts } from "./storage/cache.ts";
import { cleanUp, cleanUpTasks } from "./storage/cleanUp.ts";
import type { Engine } from "./storage/engine.ts";
import { openStorage } from "./storage/open.ts";
import { findKeyByHash } from "./storage/queries/keys.ts";
import { findNamespace } from "./storage/queries/namespaces.ts";
import { findRootKeyByHash, type RootKeyRecord } from "./storage/queries/rootKeys.ts";
import { creditSpender } from "./storage/spending.ts";
import type { Tracing } from "./tracing/start.ts";

/** What may differ between the program and its tests. */
export type Surroundings = {
  /** wall clock, milliseconds since the epoch */
  nowMs(): number;
  /** never goes back */
  monotonicMs(): number;
  log: Log;
  /** gets the root key that the first start makes, before it counts */
  keepRootKey(rootKey: string): void;
};

export type RunningServer = {
  /** `http://host:port` */
  url: string;
  services: Services;
  drain(): void;
  /** Answers what is in flight, then lets go of everything. */
  stop(): Promise<void>;
};

const cacheBytes = 256 * 1024 * 1024;

/**
 * Puts the program together and serves it.
 * Errors: `ConfigError`, `StorageError`, `FirstStartError`.
 */
export async function startServer(config: Config, surroundings: Surroundings): Promise<RunningServer> {
  const { nowMs, log } = surroundings;
  const proxies = proxiesOf(config);
  const rootKey = givenRootKey(config);
  const recovery = recoveryOf(config);
  const tracing = await tracingOf(config, surroundings);
  const opened = await openStorage(config.DATABASE_URL, {
    serving: true,
    connections: config.DATABASE_CONNECTIONS,
    monotonicMs: surroundings.monotonicMs,
  });
  const engine = tracing?.engine(opened) ?? opened;
  try {
    const tools = { nowMs, newId: idMaker(randomBytes), randomBytes, hashKey };
    await firstStart(engine, tools, rootKey, surroundings.keepRootKey);
    const metrics = makeMetrics();
    measureProcess(metrics);
    const rootKeys = rootKeyCache(engine);
    const made = await makeServices(config, surroundings, { ...tools, engine, metrics, recovery });
    const services = tracing?.services(made, config.REDIS_URL !== undefined) ?? made;
    followChanges(engine, [rootKeys, services.keyCache, services.namespaceCache], metrics);
    const scraped = listening("METRICS_ADDRESS", config.METRICS_ADDRESS, () =>
      serveMetrics(config.METRICS_ADDRESS, () => metrics.render()),
    );
    const http = listening("PORT", `${config.HOST}:${config.PORT}`, () =>
      serveHttp(operations, services, {
        host: config.HOST,
        port: config.PORT,
        publicUrl: config.PUBLIC_URL,
        maxBodyBytes: config.MAX_BODY_BYTES,
        workspaceRequestsPerMinute: config.WORKSPACE_REQUESTS_PER_MINUTE,
        clientAddress: proxies,
        rootKeys,
        log: tracing?.log ?? log,
        logInputs: config.LOG_LEVEL === "debug",
        metrics,
        tracing: tracing?.requests,
      }),
    );
    const stopCleaning = cleanUp(engine, nowMs, log, cleanUpTasks(auditRetentionMs(config)));
    return {
      url: http.url,
      services,
      drain: http.drain,
      async stop() {
        await http.stop();
        await stopCleaning();
        await scraped.stop();
        await services.usage.close();
        await services.counters.close();
        await engine.close();
        await tracing?.close();
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Its code is loaded only where traces are asked for. */
async function tracingOf({ otel }: Config, surroundings: Surroundings): Promise<Tracing | undefined> {
  if (otel === undefined) return undefined;
  const { startTracing } = await import("./tracing/start.ts");
  return startTracing(otel, surroundings);
}

function proxiesOf(config: Config): ClientAddress {
  try {
    return clientAddress(config.TRUSTED_PROXIES);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}

type Parts = Pick<Services, "nowMs" | "newId" | "randomBytes" | "hashKey" | "engine" | "recovery"> & {
  metrics: Metrics;
};

async function makeServices(config: Config, surroundings: Surroundings, parts: Parts): Promise<Services> {
  const { engine } = parts;
  const counters = await countersOf(config, surroundings, parts);
  return {
    ...parts,
    counters,
    keyCache: keyCache(engine),
    namespaceCache: namespaceCache(engine),
    spendCredits: creditSpender(engine),
    usage: usageOf(config, parts),
    limits: {
      maxMetaBytes: config.MAX_META_BYTES,
      maxRatelimitDurationMs: config.MAX_RATELIMIT_DURATION_MS,
    },
  };
}

function countersOf(config: Config, surroundings: Surroundings, parts: Parts): Promise<Counters> {
  if (config.REDIS_URL !== undefined) return sharedCounters(config.REDIS_URL, config, surroundings, parts);
  return ownCounters(config, surroundings, parts);
}

/** Counters of this process alone; those of a SQLite file survive a restart in a file beside it. */
async function ownCounters(config: Config, surroundings: Surroundings, parts: Parts): Promise<Counters> {
  const { metrics } = parts;
  const options = {
    nowMs: surroundings.monotonicMs,
    maxBytes: config.COUNTER_MEMORY_BYTES,
    onEvict: metrics.countersEvicted,
  };
  const file = config.DATABASE_URL.startsWith("file:")
    ? config.DATABASE_URL.slice("file:".length)
    : undefined;
  const counters =
    file === undefined
      ? memoryCounters(options)
      : await tickingCounters({
          ...options,
          path: `${file}.counters`,
          onProblem: (message) => surroundings.log("warn", "counters_journal", { message }),
        });
  metrics.gauge("latchkey_counters", "Rate limit counters in memory.", counters.size);
  metrics.gauge("latchkey_counter_memory_bytes", "Memory that rate limit counters take.", counters.bytes);
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

async function sharedCounters(
  url: string,
  config: Config,
  { monotonicMs, log }: Surroundings,
  parts: Parts,
): Promise<Counters> {
  const { metrics, engine, newId, nowMs } = parts;
  let losses = 0;
  let localDecisions = 0;
  const counters = await redisCounters({
    url,
    deadlineMs: redisDeadlineMs,
    monotonicMs,
    liveNodes: engine.liveNodes,
    maxLocalBytes: config.COUNTER_MEMORY_BYTES,
    newId: () => newId("hit", nowMs()),
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
    "Times that Redis was found to have lost counters.",
    () => losses,
  );
  metrics.counter(
    "latchkey_local_decisions_total",
    "Rate limit decisions made without Redis.",
    () => localDecisions,
  );
  metrics.gauge("latchkey_redis_up", "Whether Redis decides rate limits.", () => (counters.isUp() ? 1 : 0));
  return counters;
}

const usageFlushMs = 1_000;
const redisDeadlineMs = 25;

function usageOf(config: Config, { nowMs, metrics }: Parts): Usage {
  const hours = config.USAGE_EVENT_HOURS;
  const usage = collectUsage({
    thread: startUsageThread({ url: config.DATABASE_URL, eventsKeptMs: hours * 3_600_000 }),
    nowMs,
    keepEvents: hours > 0,
    flushMs: usageFlushMs,
  });
  const { dropped } = usage;
  metrics.counter(
    "latchkey_usage_events_dropped_total",
    "Single events that were not kept.",
    () => dropped().events,
  );
  metrics.counter(
    "latchkey_usage_counts_dropped_total",
    "Counts that were not kept.",
    () => dropped().counts,
  );
  return usage;
}

function auditRetentionMs(config: Config): number | undefined {
  const days = config.AUDIT_RETENTION_DAYS;
  return days === undefined ? undefined : days * 86_400_000;
}

/** Forgets what other processes changed. */
function followChanges(
  engine: Engine,
  caches: readonly Pick<RecordCache<unknown>, "evict" | "clear">[],
  metrics: Metrics,
): void {
  engine.onForeignChange(({ ids, ageMs }) => {
    for (const cache of caches) {
      if (ids === undefined) cache.clear();
      else for (const id of ids) cache.evict(id);
    }
    if (ageMs !== undefined) metrics.changePropagated(ageMs);
  });
  metrics.gauge("latchkey_nodes", "Processes that serve from this database.", engine.liveNodes);
}

const listenFaults: Record<string, string> = {
  EADDRINUSE: "is in use already: stop what listens there, or choose another",
  EADDRNOTAVAIL: "is no address of this machine",
  EACCES: "may not be listened on by this user",
};

/** Errors: `ConfigError` naming the setting where the address cannot be listened on. */
function listening<T>(setting: string, address: string | undefined, serve: () => T): T {
  try {
    return serve();
  } catch (error) {
    const fault = listenFaults[(error as { code?: string }).code ?? ""];
    throw fault === undefined ? error : new ConfigError(`${setting}: ${address} ${fault}.`);
  }
}

/** Seals keys that can be shown again; undefined where no recovery key is set. */
function recoveryOf(config: Config): Recovery | undefined {
  const key = givenRecoveryKey(config);
  return key === undefined ? undefined : recoveryWith(key);
}

/** Where a first root key is kept when nobody is at a terminal; undefined for a database in memory. */
export function rootKeyFile(config: Config): string | undefined {
  return config.DATABASE_URL.startsWith("file:")
    ? join(dirname(config.DATABASE_URL.slice("file:".length)), "root-key")
    : undefined;
}

/**
 * Puts a new root key where only its owner can read it.
 * Errors: `FirstStartError` where it cannot be written there.
 */
export function writeRootKey(path: string, rootKey: string): void {
  try {
    rmSync(path, { force: true }); // an older one may be readable by others
    writeFileSync(path, `${rootKey}\n`, { mode: 0o600, flag: "wx", flush: true });
  } catch (error) {
    const { code } = error as { code?: string };
    throw new FirstStartError(`The first root key cannot be written to ${path} (${code}).`);
  }
}

function rootKeyCache(engine: Engine): RecordCache<RootKeyRecord> {
  return recordCache<RootKeyRecord>({
    load: (hash) => findRootKeyByHash(engine.db, hash),
    madeFrom: ({ caller }) => [caller.rootKeyId, caller.workspaceId],
    weigh: ({ caller }) => 300 + caller.permissions.size * 60,
    maxBytes: cacheBytes / 16,
    isCurrent: engine.isCurrent,
  });
}

function keyCache(engine: Engine): Services["keyCache"] {
  return recordCache({
    load: (key) => findKeyByHash(engine.db, ...workspaceKeyParts(key)),
    madeFrom: (record) => record.madeFrom,
    weigh: (record) => record.bytes,
    maxBytes: cacheBytes,
    isCurrent: engine.isCurrent,
  });
}

function namespaceCache(engine: Engine): Services["namespaceCache"] {
  return recordCache({
    load: (key) => findNamespace(engine.db, ...workspaceKeyParts(key)),
    madeFrom: (record) => [record.id],
    weigh: (record) => record.bytes,
    maxBytes: cacheBytes / 4,
    isCurrent: engine.isCurrent,
  });
}
