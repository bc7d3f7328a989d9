import { existsSync } from "node:fs";
import { backedUpFile, backUp } from "./cli/backup.ts";
import { callOperation } from "./cli/call.ts";
import { askHealth } from "./cli/health.ts";
import { CommandError, help, isManagement, manage } from "./cli/manage.ts";
import { exportUsage } from "./cli/usage.ts";
import { type RunningServer, rootKeyFile, startServer, writeRootKey } from "./compose.ts";
import {
  type Config,
  ConfigError,
  describeConfig,
  givenRootKey,
  readConfig,
  refuseSplitCounters,
} from "./config.ts";
import { FirstStartError } from "./firstStart.ts";
import { lineWriter, makeLog } from "./log.ts";
import { operations } from "./operations/index.ts";
import { monotonicMs } from "./runtime.ts";
import { type Engine, StorageError } from "./storage/engine.ts";
import { openUsageDatabase } from "./storage/engines/usage.ts";
import { openStorage } from "./storage/open.ts";

process.umask(0o077); // what it writes is for its user alone

const drainMs = 5_000;
const exitWithinMs = 20_000;
const logWithinMs = 1_000;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(sentence(error));
  process.exit(1);
}

/** The exit code. */
async function main(words: string[]): Promise<number> {
  const [command = "help", ...rest] = words;
  if (["help", "--help", "-h"].includes(command)) return say(help(operations));
  const config = readConfig(process.env);
  if ((command === "config" || command === "serve") && rest.length > 0) {
    throw new CommandError(
      `latchkey ${command} takes nothing more: settings are environment variables, see latchkey config.`,
    );
  }
  if (command === "config") return say(describeConfig(config));
  if (command === "serve") return serve(config);
  if (command === "health") return say(await askHealth(config, rest));
  if (command === "usage") {
    const { db } = await openUsageDatabase(config.DATABASE_URL);
    await exportUsage(db, rest);
    return 0;
  }
  if (command === "backup") return backup(config, rest);
  if (isManagement(words, operations)) {
    if (config.DATABASE_URL === ":memory:") {
      throw new CommandError("DATABASE_URL is :memory:, which only the serving process can reach.");
    }
    return withEngine(config, async (engine) => say(await manage(engine, command, rest)));
  }
  return callOperation(operations, words, {
    url: config.LATCHKEY_URL,
    rootKey: givenRootKey(config),
    rootKeyFile: rootKeyFile(config),
  });
}

/** Beside the serving process, if there is one. */
async function withEngine<T>(config: Config, work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await openStorage(config.DATABASE_URL, { serving: false, connections: 4, monotonicMs });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

async function backup(config: Config, words: string[]): Promise<number> {
  const { path, folder } = backedUpFile(config.DATABASE_URL, words);
  const { db: usage } = await openUsageDatabase(config.DATABASE_URL);
  return withEngine(config, async ({ db }) => say(await backUp({ path, db, usage }, folder)));
}

function say(text: string): number {
  if (text !== "") console.log(text);
  return 0;
}

async function serve(config: Config): Promise<number> {
  refuseSplitCounters(config);
  const keyFile = rootKeyFile(config);
  const inMemory = config.DATABASE_URL === ":memory:";
  let shown: string | undefined;
  const stopAsked = firstSignal();
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
      if (!inMemory) console.error(shownOnce(rootKey)); // at once: this start may fail, and it is nowhere else
    },
  });
  if (inMemory && shown !== undefined) console.error(shownOnce(shown));
  console.error(greeting(server.url, shown, keyFile));
  await stop(server, await stopAsked);
  return 0;
}

function shownOnce(rootKey: string): string {
  return `Root key (shown once): ${rootKey}`;
}

function greeting(url: string, shown: string | undefined, keyFile: string | undefined): string {
  const inFile = shown === undefined && keyFile !== undefined && existsSync(keyFile);
  const key = shown ?? (inFile ? `$(cat ${keyFile})` : "<root key>");
  return `${inFile ? `Root key: ${keyFile}\n` : ""}Latchkey listens on ${url}
Try it:
  curl -s ${url}/v2/identities.createIdentity \\
    -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
    -d '{"externalId":"user_123","meta":{"plan":"pro"}}'`;
}

/** Listened for from the start on, so that none is missed: the runtime's own answer to one is to be gone. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => resolve(name));
  });
}

/** SIGINT stops at once; SIGTERM first lets load balancers notice. A second signal does not wait. */
async function stop(server: RunningServer, signal: string): Promise<void> {
  for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => process.exit(1));
  server.drain();
  if (signal === "SIGTERM") await new Promise((resolve) => setTimeout(resolve, drainMs));
  setTimeout(() => process.exit(1), exitWithinMs).unref();
  await server.stop();
  setTimeout(() => process.exit(0), logWithinMs).unref(); // whoever reads the log may not read on
}

/** One sentence for whoever started the program; a stack only for faults of ours. */
function sentence(error: unknown): string {
  const expected = [ConfigError, StorageError, FirstStartError, CommandError];
  if (expected.some((kind) => error instanceof kind)) return (error as Error).message;
  const { code, message, stack } = error as { code?: string; message?: string; stack?: string };
  if (code === "ENOENT") return `A file is missing: ${message}.`;
  return stack ?? String(error);
}
