import { existsSync } from "node:fs";
import { RestoreError } from "./backups/restore.ts";
import { backedUpFile, backUp } from "./cli/backup.ts";
import { callOperation } from "./cli/call.ts";
import { CommandError, exitCodes, UsageError } from "./cli/commandError.ts";
import { completion } from "./cli/completion.ts";
import { copy } from "./cli/copy.ts";
import { exportFlags, writeExport } from "./cli/export.ts";
import { askHealth } from "./cli/health.ts";
import { helpFor, operationOf, unknownCommand } from "./cli/help.ts";
import {
  type CommandTarget,
  importFlags,
  openImport,
  resealingFor,
  runImport,
  type Sealing,
  withCommandErrors,
  workspaceFor,
} from "./cli/import.ts";
import { openForeignKeys } from "./cli/importForeign.ts";
import { importStatus, statusFlags } from "./cli/importStatus.ts";
import { importUnkey, serverOf, unkeyFlags } from "./cli/importUnkey.ts";
import { findWorkspace, isManagement, manage, workspaceOf } from "./cli/manage.ts";
import { restore } from "./cli/restore.ts";
import { serverUrl } from "./cli/serverUrl.ts";
import { exportUsage } from "./cli/usage.ts";
import { why } from "./cli/why.ts";
import { type RunningServer, startServer } from "./compose.ts";
import { readConfig, refuseSplitCounters } from "./config/read.ts";
import {
  configuredHmacSecret,
  configuredRecoveryKey,
  configuredRootKey,
  configuredUpstreamRootKey,
  recoveryKeyIn,
} from "./config/secrets.ts";
import { type Config, ConfigError } from "./config/settings.ts";
import { describeConfig } from "./config/shown.ts";
import { unknownSettings } from "./config/unknown.ts";
import { CopyError } from "./copying/copyError.ts";
import { type IdPrefix, idMaker } from "./domain/ids.ts";
import { FirstStartError } from "./firstStart.ts";
import { lineWriter, makeLog } from "./log.ts";
import type { ImportTarget } from "./moving/importRecords.ts";
import { operations } from "./operations/index.ts";
import { rootKeyFile, writeRootKey } from "./rootKeyFile.ts";
import { monotonicMs, randomBytes } from "./runtime.ts";
import { recoveryKeyFingerprint, recoveryWith } from "./sealing.ts";
import { type StopSignal, stopSignals } from "./stopSignals.ts";
import { type Engine, StorageError } from "./storage/engine.ts";
import { openUsageDatabase } from "./storage/engines/usage.ts";
import { openForeign, openScratch, openSnapshot, openStorage } from "./storage/open.ts";

process.umask(0o077); // only the user that runs the program can read the files that it writes

const exitWithinMs = 17_000;
const logWithinMs = 1_000;
const callWithinMs = 30_000;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  tell(sentence(error));
  process.exit(error instanceof UsageError ? exitCodes.usage : exitCodes.error);
}

/** Runs the command. Returns the exit code. */
async function main(words: readonly string[]): Promise<number> {
  const [command = "help", verb, ...rest] = words;
  const text = helpFor(words, operations);
  if (text !== undefined) return say(text);
  if (command === "completion") return say(completion(words.slice(1), operations));
  const operation = operationOf(words, operations);
  const config = readConfig(process.env);
  for (const message of unknownSettings(process.env)) tell(message);
  const target = () => ({
    url: serverUrl(config),
    rootKey: configuredRootKey(config),
    rootKeyFile: rootKeyFile(config.DATABASE_URL),
    withinMs: callWithinMs,
    nowMs: Date.now,
    terminalWidth: terminalWidth(),
  });
  if (operation !== undefined) return callOperation(operation, rest, target());
  if (command === "keys" && verb === "why") return why(operations, rest, target());
  if (isManagement(words)) {
    return withEngine(config, async (engine) => say(await manage(engine, words, terminalWidth())));
  }
  if (command === "usage" && verb === "export") return usage(config, rest);
  return single(command, words.slice(1), config);
}

/** Runs a command whose name is one word, such as `serve` or `backup`. */
async function single(command: string, rest: readonly string[], config: Config): Promise<number> {
  if (command === "health") return say(await askHealth(config, rest));
  if (command === "backup") return backup(config, rest);
  if (command === "restore") return say(await restore(config.DATABASE_URL, rest));
  if (command === "export") return exportDocument(config, rest);
  if (command === "import") return importCommand(config, rest);
  if (command === "copy") return copyFrom(config, rest);
  if (command !== "config" && command !== "serve") throw unknownCommand([command, ...rest], operations);
  if (rest.length > 0) {
    throw new UsageError(
      `latchkey ${command} takes no arguments. Settings are environment variables: see latchkey config.`,
    );
  }
  return command === "config" ? say(describeConfig(config)) : serve(config);
}

/**
 * Opens the database for `work`. A server may be using the database at the same time. If the database does not exist,
 * fails if `mustExist` is true, and creates the database otherwise.
 */
async function withEngine<T>(
  config: Config,
  work: (engine: Engine) => Promise<T>,
  mustExist = true,
): Promise<T> {
  if (config.DATABASE_URL.kind === "memory") {
    throw new CommandError(
      "DATABASE_URL is :memory:, which only the server itself can read: set it to the server's file or postgres:// address.",
    );
  }
  const engine = await openStorage(config.DATABASE_URL, {
    serving: false,
    ...(mustExist ? { mustExist } : {}),
    connections: 4,
    monotonicMs,
  });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

async function usage(config: Config, words: readonly string[]): Promise<number> {
  return withEngine(config, async () => {
    const database = await openUsageDatabase(config.DATABASE_URL);
    await exportUsage(database, words);
    await database.close();
    return exitCodes.ok;
  });
}

async function backup(config: Config, words: readonly string[]): Promise<number> {
  const { path, folder } = backedUpFile(config.DATABASE_URL, words);
  // creates the usage file if the server has not counted anything yet
  const usage = await openUsageDatabase(config.DATABASE_URL);
  await usage.close();
  return withEngine(config, async ({ slow }) => say(await backUp({ path, db: slow }, folder)));
}

async function exportDocument(config: Config, words: readonly string[]): Promise<number> {
  const flags = exportFlags(words);
  return withEngine(config, async (engine) => {
    const { id, name, timeZone } = await findWorkspace(engine, flags.workspace);
    const { fingerprint } = sealingOf(config);
    const usage = flags.usage ? await openUsageDatabase(config.DATABASE_URL) : undefined;
    const { db, close } = await openSnapshot(config.DATABASE_URL);
    const source = {
      db,
      usage,
      workspace: { id, name, timeZone },
      recoveryKey: fingerprint,
      nowMs: Date.now(),
    };
    try {
      const flawed = await writeExport({ ...flags, ...source }, flags.output);
      return flawed === 0 ? exitCodes.ok : exitCodes.error;
    } finally {
      await Promise.all([close(), usage?.close()]);
    }
  });
}

async function importCommand(config: Config, words: readonly string[]): Promise<number> {
  const [source, ...rest] = words;
  if (source === "unkey") return importFromUnkey(config, rest);
  if (source === "status") return showImportStatus(config, rest);
  return importDocument(config, words);
}

async function importDocument(config: Config, words: readonly string[]): Promise<number> {
  const flags = importFlags(words);
  if (flags.from !== undefined) {
    const product = flags.from;
    const { id: workspaceId } = await withEngine(config, (engine) => findWorkspace(engine, flags.workspace));
    const place = { ...flags, workspaceId };
    const opened = () => openForeignKeys(product, place, { openForeign, openScratch });
    // outside `withEngine`, because reading a dump takes minutes and does not need the database
    const { entries, close } = await withCommandErrors(opened);
    const work = (engine: Engine) =>
      importInto(config, { engine, workspaceId }, (target) =>
        runImport(target, entries, { ...flags, reseal: () => undefined, unit: "record" }),
      );
    return withEngine(config, work).finally(() => void close());
  }
  const { header, entries } = await openImport(flags.file);
  const reseal = resealingFor(header, flags, sealingOf(config));
  const work = async (engine: Engine) => {
    const workspaceId = await workspaceFor(engine, header, flags);
    return importInto(config, { engine, workspaceId }, (target) =>
      runImport(target, entries, { ...flags, reseal, unit: "line" }),
    );
  };
  return withEngine(config, work, flags.dryRun);
}

async function importInto(
  config: Config,
  { engine, workspaceId }: Pick<ImportTarget, "engine" | "workspaceId">,
  work: (target: CommandTarget) => Promise<number>,
): Promise<number> {
  const usage = await openUsageDatabase(config.DATABASE_URL);
  const makeId = idMaker(randomBytes);
  const newId = (prefix: IdPrefix) => makeId(prefix, Date.now());
  try {
    const hasHmacSecret = configuredHmacSecret(config) !== undefined;
    const target = { engine, workspaceId, usage, newId, now: Date.now, actorId: "latchkey import" };
    return await work({ ...target, hasHmacSecret });
  } finally {
    await usage.close();
  }
}

async function importFromUnkey(config: Config, words: readonly string[]): Promise<number> {
  const flags = unkeyFlags(words);
  const url = config.UPSTREAM_VERIFY_URL;
  const server = serverOf(flags, { url, rootKey: configuredUpstreamRootKey(config) });
  return withEngine(config, async (engine) => {
    const workspaceId = await workspaceOf(engine, flags.workspace ?? config.UPSTREAM_VERIFY_WORKSPACE);
    return importInto(config, { engine, workspaceId }, (target) => importUnkey(target, flags, server));
  });
}

async function showImportStatus(config: Config, words: readonly string[]): Promise<number> {
  const flags = statusFlags(words);
  return withEngine(config, async (engine) => {
    const workspaceId = await workspaceOf(engine, flags.workspace ?? config.UPSTREAM_VERIFY_WORKSPACE);
    const usage = await openUsageDatabase(config.DATABASE_URL);
    await importStatus({ engine, usage, workspaceId, nowMs: Date.now() }, flags, console.log);
    await usage.close();
    return exitCodes.ok;
  });
}

function sealingOf(config: Config): Sealing {
  const key = configuredRecoveryKey(config);
  return {
    recovery: key === undefined ? undefined : recoveryWith(key),
    fingerprint: key === undefined ? undefined : recoveryKeyFingerprint(key),
    oldRecovery: (file) => recoveryWith(recoveryKeyIn(file, "--old-recovery-key")),
  };
}

async function copyFrom(config: Config, words: readonly string[]): Promise<number> {
  let isStopRequested = false;
  void stopSignals(config.launcherPid, monotonicMs).first.then(() => {
    isStopRequested = true;
  });
  const source = {
    database: config.DATABASE_URL,
    redisUrl: config.REDIS_URL,
    counterBytes: config.COUNTER_MEMORY_BYTES,
  };
  return say(
    await copy(source, words, { monotonicMs, isStopRequested: () => isStopRequested, progress: tell }),
  );
}

/** Returns the width of the terminal in characters, or `undefined` if the output does not go to a terminal. */
function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? (process.stdout.columns ?? 80) : undefined;
}

function say(text: string): number {
  if (text !== "") console.log(text);
  return exitCodes.ok;
}

/** Writes to stderr. On a terminal, Bun's `console.error` would print the text in red. */
function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function serve(config: Config): Promise<number> {
  refuseSplitCounters(config);
  const keyFile = rootKeyFile(config.DATABASE_URL);
  const inMemory = config.DATABASE_URL.kind === "memory";
  let shown: string | undefined;
  const signals = stopSignals(config.launcherPid, monotonicMs);
  void signals.second.then(() => process.exit(1));
  const server = await startServer(config, {
    nowMs: Date.now,
    monotonicMs,
    log: makeLog({
      level: config.LOG_LEVEL,
      format: config.LOG_FORMAT ?? (process.stdout.isTTY ? "text" : "json"),
      nowMs: Date.now,
      write: lineWriter(1),
    }),
    keepRootKey(rootKey) {
      if (!process.stderr.isTTY && keyFile !== undefined) return writeRootKey(keyFile, rootKey);
      shown = rootKey;
      // shown at once, because the database has only the hash of the key, and the start may still fail
      if (!inMemory) tell(shownOnce(rootKey));
    },
  });
  if (inMemory && shown !== undefined) tell(shownOnce(shown));
  tell(greeting(server.url, shown, keyFile));
  const link = process.stderr.isTTY ? await server.loginLink() : undefined;
  if (link !== undefined) tell(`Open the console (the link works once, for five minutes):\n  ${link}`);
  await stop(server, await signals.first);
  return 0;
}

function shownOnce(rootKey: string): string {
  return `Root key (shown once): ${rootKey}`;
}

function greeting(url: string, shown: string | undefined, keyFile: string | undefined): string {
  const inFile = shown === undefined && keyFile !== undefined && existsSync(keyFile);
  const key = shown ?? (inFile ? `$(cat ${keyFile})` : "<root key>");
  return `${inFile ? `Root key: ${keyFile}\n` : ""}Latchkey listens on ${url}
Documentation: ${url}/docs
Try it:
  curl -s ${url}/v2/identities.createIdentity \\
    -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
    -d '{"externalId":"user_123","meta":{"plan":"pro"}}'`;
}

/** Stops the server: after SIGINT at once, after SIGTERM once load balancers have had time to choose other nodes. */
async function stop(server: RunningServer, signal: StopSignal): Promise<void> {
  const drained = server.drain();
  if (signal === "SIGTERM") await drained;
  setTimeout(() => process.exit(1), exitWithinMs).unref();
  await server.stop();
  // if the reader of the log has stalled, the last lines would otherwise keep the process alive forever
  setTimeout(() => process.exit(0), logWithinMs).unref();
}

/** Returns the message to print for an error: a sentence for an expected error, a stack trace for a bug of ours. */
function sentence(error: unknown): string {
  const expected = [ConfigError, StorageError, FirstStartError, CommandError, CopyError, RestoreError];
  if (expected.some((kind) => error instanceof kind)) return (error as Error).message;
  const { code, message, stack } = error as { code?: string; message?: string; stack?: string };
  if (code === "ENOENT") return `A file is missing: ${message}.`;
  return stack ?? String(error);
}
