/** The types of `latchkey`, for applications that run it in their own process, on Bun. */

export type EmbedOptions = {
  /** As `DATABASE_URL`. Default: `:memory:`. */
  database?: string;
  /** The root key of an empty database. Default: a new one. */
  rootKey?: string;
  /** Other settings, by the names of their environment variables. The environment itself is not read. */
  settings?: Readonly<Record<string, string>>;
  /** Receives each line of the log. Default: there is no log. */
  log?: (line: string) => void;
};

/** What the server needs to know about the connection of a request; the `server` of `Bun.serve` fits. */
export type Connection = {
  requestIP(request: Request): { address: string } | null;
  timeout(request: Request, seconds: number): void;
};

export type EmbeddedLatchkey = AsyncDisposable & {
  /** The root key that was given, or that was created for an empty database. It is shown nowhere else. */
  rootKey: string | undefined;
  /** Serves a request to `/v2/…`. With `server`, the addresses of callers are known. */
  fetch(request: Request, server?: Connection): Promise<Response>;
  /** Finishes the requests in flight, then closes the database. */
  close(): Promise<void>;
};

/** Opens a database in this process and serves its API through `fetch`, without listening on an address. */
export function createLatchkey(options?: EmbedOptions): Promise<EmbeddedLatchkey>;
