import { refuseBackups, startBackups } from "./compose/backups.ts";
import { cachesOf } from "./compose/caches.ts";
import { consoleOf } from "./compose/console.ts";
import { countersOf } from "./compose/counters.ts";
import { oldHashesOf } from "./compose/oldHashes.ts";
import { statusOf } from "./compose/status.ts";
import { upstreamWith } from "./compose/upstream.ts";
import { configuredRecoveryKey, configuredRootKey, settingOf } from "./config/secrets.ts";
import { type Config, ConfigError } from "./config/settings.ts";
import { docsRoutes } from "./docs/routes.ts";
import { idMaker } from "./domain/ids.ts";
import { steadyTime } from "./domain/steadyTime.ts";
import { type ConfiguredRootKey, firstStart } from "./firstStart.ts";
import { type ClientAddress, clientAddress } from "./http/clientAddress.ts";
import type { Responder } from "./http/exchange.ts";
import { embedHttp, serveHttp } from "./http/serve.ts";
import { serveMetrics } from "./http/serveMetrics.ts";
import type { Log } from "./log.ts";
import { type Metrics, makeMetrics, measureProcess } from "./metrics.ts";
import { operations } from "./operations/index.ts";
import { hashKey, randomBytes } from "./runtime.ts";
import { recoveryWith } from "./sealing.ts";
import type { Recovery, Services, Tools } from "./services.ts";
import type { Caches } from "./storage/caches.ts";
import { cleanUp, cleanUpTasks } from "./storage/cleanUp.ts";
import type { Engine } from "./storage/engine.ts";
import { openStorage } from "./storage/open.ts";
import { slowReader } from "./storage/slowReads.ts";
import { creditSpender } from "./storage/spending.ts";
import type { Tracing } from "./tracing/start.ts";
import { startUsageThread } from "./usage/thread.ts";
import { collectUsage, type Usage } from "./usage/usage.ts";

/** What a server needs from outside. The program, an application that embeds it, and the tests each bring their own. */
export type Surroundings = {
  /** the time by the wall clock, in milliseconds since the epoch */
  nowMs(): number;
  /** the time by a clock that never goes back, in milliseconds */
  monotonicMs(): number;
  log: Log;
  /**
   * Called with the random root key of a first start before the database has its hash, so that the key is never lost.
   */
  keepRootKey(rootKey: string): void;
  /** if set, the server listens on no address: requests come only through `fetch` of `RunningServer` */
  embedded?: true;
};

export type RunningServer = {
  /** `http://host:port` */
  url: string;
  services: Services;
  /** Serves a request that did not come over the server's address, such as one from an embedding application. */
  fetch: Responder;
  /**
   * Returns a link that signs a browser in to the console and works once. Returns `undefined` if the server has no
   * console, if it would refuse the login because it came over plain HTTP, or if no root key has all permissions.
   */
  loginLink(): Promise<string | undefined>;
  /** Makes `/health/ready` fail, and waits until load balancers have had time to choose other nodes. */
  drain(): Promise<void>;
  /** Finishes the requests in flight, then closes everything. */
  stop(): Promise<void>;
};

/**
 * Opens the database, creates all services, and starts to listen. Errors: `ConfigError`,
 * `StorageError`, `FirstStartError`.
 */
export async function startServer(config: Config, surroundings: Surroundings): Promise<RunningServer> {
  refuseBackups(config);
  const clientAddress = proxiesOf(config);
  const recovery = recoveryOf(config);
  const rootKey = configuredRootKey(config);
  const tracing = await tracingOf(config, surroundings);
  const opened = await openStorage(config.DATABASE_URL, {
    serving: true,
    connections: config.DATABASE_CONNECTIONS,
    monotonicMs: surroundings.monotonicMs,
  });
  const engine = tracing === undefined ? opened : tracedEngine(tracing, opened);
  try {
    await prepareFirstStart(
      engine,
      { rootKey, setting: settingOf(config, "LATCHKEY_ROOT_KEY") },
      surroundings,
    );
    const metrics = makeMetrics();
    measureProcess(metrics);
    const { log, monotonicMs } = surroundings;
    const moving = await upstreamWith(config, { engine, metrics, log, monotonicMs });
    const { upstream } = moving ?? {};
    const made = await makeServices(config, surroundings, { engine, metrics, recovery, upstream });
    const services = tracing?.services(made, config.REDIS_URL !== undefined) ?? made;
    followChanges(engine, services.caches, metrics);
    const listeners = listen(config, surroundings, { services, metrics, tracing, clientAddress });
    const stopCleaning = startCleanUp(config, surroundings, { engine, usage: services.usage });
    const stopBackups = startBackups(config, { ...surroundings, metrics });
    return {
      ...listeners,
      services,
      async stop() {
        await listeners.stop();
        await Promise.all([stopCleaning(), stopBackups()]);
        await listeners.stopMetrics();
        await moving?.differences.close();
        await services.oldHashes.close();
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

async function prepareFirstStart(
  engine: Engine,
  configured: ConfiguredRootKey,
  { nowMs, log, keepRootKey }: Surroundings,
): Promise<void> {
  const tools = { nowMs, newId: idMaker(randomBytes), randomBytes, hashKey };
  const warning = await firstStart(engine, tools, configured, keepRootKey);
  if (warning !== undefined) log("warn", "root_key_refused", { message: warning });
}

type Served = {
  services: Services;
  metrics: Metrics;
  tracing: Tracing | undefined;
  clientAddress: ClientAddress;
};

/** Listens for requests, and serves the metrics if `METRICS_ADDRESS` is set. */
function listen(
  config: Config,
  { log, embedded }: Surroundings,
  { services, metrics, tracing, clientAddress }: Served,
) {
  const scraped = listening("METRICS_ADDRESS", config.METRICS_ADDRESS, () =>
    serveMetrics(config.METRICS_ADDRESS, config.IDLE_CONNECTION_SECONDS, () => metrics.render()),
  );
  const console = consoleOf(config, operations, services);
  const serve = embedded === true ? embedHttp : serveHttp;
  const server = listening("HOST and PORT", `${config.HOST}:${config.PORT}`, () =>
    serve(operations, services, {
      host: config.HOST,
      port: config.PORT,
      publicUrl: config.PUBLIC_URL,
      maxBodyBytes: config.MAX_BODY_BYTES,
      idleSeconds: config.IDLE_CONNECTION_SECONDS,
      maxLargeBodyBytes: config.MAX_MIGRATION_BODY_BYTES,
      workspaceRequestsPerMinute: config.WORKSPACE_REQUESTS_PER_MINUTE,
      clientAddress,
      log: tracing?.log ?? log,
      logInputs: config.LOG_LEVEL === "debug",
      metrics,
      tracing: tracing?.requests,
      more: (parts) => ({ ...docsRoutes(parts), ...console.routes?.(parts) }),
    }),
  );
  return {
    ...server,
    stopMetrics: () => scraped.stop(),
    loginLink: () => console.loginLink(server.url),
  };
}

function startCleanUp(
  config: Config,
  { nowMs, monotonicMs, log }: Surroundings,
  { engine, usage }: Pick<Services, "engine" | "usage">,
) {
  const tasks = cleanUpTasks(auditRetentionMs(config), usage.record);
  return cleanUp(engine, steadyTime(nowMs, monotonicMs), log, tasks);
}

/**
 * Adds spans to the statements of the engine. Slow reads run in this thread, because other threads cannot add spans.
 */
function tracedEngine(tracing: Tracing, opened: Engine): Engine {
  const engine = tracing.engine(opened);
  return { ...engine, readSlowly: slowReader(engine.slow) };
}

/** Starts tracing. Its code is loaded only if traces are configured. */
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

type Parts = Pick<Services, "engine" | "recovery" | "upstream"> & { metrics: Metrics };

async function makeServices(config: Config, surroundings: Surroundings, parts: Parts): Promise<Services> {
  const { engine, metrics, recovery, upstream } = parts;
  const { nowMs: now, monotonicMs, log } = surroundings;
  const makeId = idMaker(randomBytes);
  const tools: Tools = {
    now,
    newId: (prefix) => makeId(prefix, now()),
    randomBytes,
    hashKey,
    recovery,
    limits: {
      maxMetaBytes: config.MAX_META_BYTES,
      maxRatelimitDurationMs: config.MAX_RATELIMIT_DURATION_MS,
      workspaceRequestsPerMinute: config.WORKSPACE_REQUESTS_PER_MINUTE,
      usageEventHours: config.USAGE_EVENT_HOURS,
      auditRetentionDays: config.AUDIT_RETENTION_DAYS,
    },
  };
  const newHitId = () => tools.newId("hit");
  const counters = await countersOf(config, {
    monotonicMs,
    log,
    metrics,
    liveNodes: engine.liveNodes,
    newHitId,
  });
  return {
    ...tools,
    engine,
    db: engine.db,
    slow: engine.slow,
    readSlowly: (name, args) => engine.readSlowly(name, args),
    counters,
    caches: cachesOf(config, engine, metrics),
    usage: usageOf(config, surroundings, metrics),
    upstream,
    oldHashes: oldHashesOf(config, { engine, metrics, monotonicMs, log }),
    spendCredits: creditSpender(engine, now, () => tools.newId("mov")),
    status: statusOf(config, { engine, counters, startedAtMs: now() }),
  };
}

const usageFlushMs = 500;

function usageOf(config: Config, { nowMs, monotonicMs }: Surroundings, metrics: Metrics): Usage {
  const hours = config.USAGE_EVENT_HOURS;
  const usage = collectUsage({
    thread: startUsageThread({
      database: config.DATABASE_URL,
      maxBytes: config.USAGE_MAX_BYTES,
      eventsKeptMs: hours === undefined ? undefined : hours * 3_600_000,
    }),
    nowMs,
    steadyTimeMs: steadyTime(nowMs, monotonicMs),
    flushMs: usageFlushMs,
  });
  const { dropped } = usage;
  metrics.counter(
    "latchkey_usage_events_dropped_total",
    "Usage events that could not be stored. Usage counts may still include them.",
    () => dropped().events,
  );
  metrics.counter(
    "latchkey_usage_counts_dropped_total",
    "Usage counts that could not be stored.",
    () => dropped().counts,
  );
  metrics.counter(
    "latchkey_usage_tags_dropped_total",
    "Tags that were left out of usage events, because their workspace sent more than 1,048,576 characters of tags within half a second.",
    () => dropped().tags,
  );
  metrics.counter(
    "latchkey_usage_events_evicted_total",
    "Usage events that were deleted from the database to stay within USAGE_MAX_BYTES.",
    () => dropped().evicted,
  );
  return usage;
}

function auditRetentionMs(config: Config): number | undefined {
  const days = config.AUDIT_RETENTION_DAYS;
  return days === undefined ? undefined : days * 86_400_000;
}

/** Evicts cached records that other processes have changed. */
function followChanges(engine: Engine, caches: Caches, metrics: Metrics): void {
  engine.onForeignChange(({ ids, ageMs }) => {
    if (ids === undefined) caches.clear();
    else for (const id of ids) caches.evict(id);
    if (ageMs !== undefined) metrics.changePropagated(ageMs);
  });
  metrics.gauge("latchkey_nodes", "Processes that serve from this database.", engine.liveNodes);
}

const listenFaults: Record<string, string> = {
  EADDRINUSE: "is already in use: stop the program that listens there, or choose another address",
  EADDRNOTAVAIL: "is not an address of this machine: choose one that is, or 0.0.0.0 for all of them",
  EACCES: "cannot be used, because this user is not allowed to listen on it: choose a port above 1023",
};

/**
 * Calls `serve`, which starts to listen on `address`. Errors: `ConfigError`, which names the settings of the address,
 * if the system does not let this process listen there.
 */
function listening<T>(settings: string, address: string | undefined, serve: () => T): T {
  try {
    return serve();
  } catch (error) {
    const fault = listenFaults[(error as { code?: string }).code ?? ""];
    throw fault === undefined ? error : new ConfigError(`${settings}: ${address} ${fault}.`);
  }
}

/** Returns the functions that encrypt and decrypt recoverable keys, or `undefined` if `RECOVERY_KEY` is not set. */
function recoveryOf(config: Config): Recovery | undefined {
  const key = configuredRecoveryKey(config);
  return key === undefined ? undefined : recoveryWith(key);
}
