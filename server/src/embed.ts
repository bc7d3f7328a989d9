import { startServer } from "./compose.ts";
import { readConfig, refuseSplitCounters } from "./config.ts";
import type { Socket } from "./http/exchange.ts";
import { makeLog } from "./log.ts";
import { monotonicMs } from "./runtime.ts";

export type EmbedOptions = {
  /** the database, in the form of the setting `DATABASE_URL`. Default: `:memory:` */
  database?: string;
  /** the root key to create in an empty database. Default: a new one */
  rootKey?: string;
  /** other settings, by the names of their environment variables; the environment itself is not read */
  settings?: Readonly<Record<string, string>>;
  /** Receives each line of the log. Default: nothing is logged. */
  log?: (line: string) => void;
};

/** Latchkey inside the process of an application. */
export type EmbeddedLatchkey = AsyncDisposable & {
  /** the root key from the options, or the new root key of an empty database, which is shown nowhere else */
  rootKey: string | undefined;
  /**
   * Serves a request to `/v2/…`, whatever its host is. Pass the application's `server` of `Bun.serve` to make
   * the addresses of callers known.
   */
  fetch(request: Request, server?: Socket): Promise<Response>;
  /** Finishes the requests in flight, then closes the database. */
  close(): Promise<void>;
};

/** stands for the connection of a request that has none */
const noSocket: Socket = { requestIP: () => null, timeout: () => undefined };

/**
 * Opens a database in this process and serves its API through `fetch`, without listening on an address. Needs Bun.
 * Errors: `ConfigError`, `StorageError` and `FirstStartError`, each with one sentence.
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
