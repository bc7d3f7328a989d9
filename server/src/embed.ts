import { startServer } from "./compose.ts";
import { readConfig, refuseSplitCounters } from "./config/read.ts";
import type { Socket } from "./http/exchange.ts";
import { makeLog } from "./log.ts";
import { monotonicMs } from "./runtime.ts";

export type EmbedOptions = {
  /** the database, written like the setting `DATABASE_URL`. Default: `:memory:` */
  database?: string;
  /** the root key to create if the database is empty. Default: a random one */
  rootKey?: string;
  /** other settings, by the names of their environment variables; the environment itself is not read */
  settings?: Readonly<Record<string, string>>;
  /** Receives each line of the log. Default: nothing is logged. */
  log?: (line: string) => void;
};

/** Latchkey inside the process of an application. */
export type EmbeddedLatchkey = AsyncDisposable & {
  /**
   * the root key from the options, or the one that was just created because the database was empty. Keep it: it is
   * shown only here. `undefined` if the database already had root keys and the options have none
   */
  rootKey: string | undefined;
  /**
   * Serves a request by its path, such as `/v2/keys.verifyKey`, and ignores its host. `server` is what the
   * application's `Bun.serve` returned. Pass it, so that the audit trail and IP lists have the callers' addresses.
   */
  fetch(request: Request, server?: Socket): Promise<Response>;
  /** Finishes the requests in flight, then closes the database. */
  close(): Promise<void>;
};

/** stands for the connection if `fetch` is called without `server`: without an address and without timeouts */
const noSocket: Socket = { requestIP: () => null, timeout: () => undefined };

/**
 * Opens a database in this process and serves the API through `fetch`, without listening on an address. Runs on Bun
 * only. Errors: `ConfigError`, `StorageError` and `FirstStartError`; each message says what is wrong.
 */
export async function createLatchkey(options: EmbedOptions = {}): Promise<EmbeddedLatchkey> {
  const { database = ":memory:", settings = {}, log = () => undefined } = options;
  const config = readConfig({
    CONSOLE: "off",
    ...settings,
    DATABASE_URL: database,
    LATCHKEY_ROOT_KEY: options.rootKey,
  });
  refuseSplitCounters(config);
  let rootKey = options.rootKey;
  const server = await startServer(config, {
    nowMs: Date.now,
    monotonicMs,
    log: makeLog({
      level: config.LOG_LEVEL,
      format: config.LOG_FORMAT ?? "json",
      nowMs: Date.now,
      write: log,
    }),
    keepRootKey: (created) => {
      rootKey = created;
    },
    embedded: true,
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= server.stop();
    return closing;
  };
  return {
    rootKey,
    fetch: async (request, socket = noSocket) => server.fetch(request, socket),
    close,
    [Symbol.asyncDispose]: close,
  };
}
