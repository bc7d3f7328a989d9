import type { CallOptions, HeaderValues, Retries } from "./calls.ts";
import { LatchkeyError } from "./errors.ts";
import type { Hooks } from "./hooks.ts";
import { environment, isServer, userAgent } from "./runtimeChecks.ts";
import type { Fetch, Transport } from "./transport.ts";

/** The options of a client. All are optional. Some defaults are environment variables, which are named below. */
export type LatchkeyOptions = {
  /** @default LATCHKEY_ROOT_KEY of the environment. If that is not set yet, the first call reads the variable again. */
  rootKey?: string | undefined;
  /** @default LATCHKEY_URL of the environment, else http://127.0.0.1:7070 */
  serverURL?: string | undefined;
  /**
   * Allows plain http to a host other than this machine, although anyone on the network path can read the root key.
   * @default true if LATCHKEY_ALLOW_HTTP of the environment is "true"
   */
  allowHttp?: boolean | undefined;
  /** Allows a client in a browser, although everyone who opens the page can read the root key. @default false */
  allowBrowser?: boolean | undefined;
  /**
   * @default exponential backoff on 5xx, 429 and connection errors: random waits of up to 50 ms, growing by a factor of
   * 1.5 up to 1000 ms, for at most 10 s
   */
  retries?: Retries | undefined;
  /** At most this many retries of a call. The limits of `retries` still apply. @default as many as `retries` allows */
  maxRetries?: number | undefined;
  /** How long a call may take in milliseconds, including retries and the waits between them. @default 30000 */
  timeoutMs?: number | undefined;
  /** @default node:http on Node, the runtime's `fetch` elsewhere */
  fetch?: Fetch | undefined;
  /** On Node, at most this many connections to a server. @default 64 */
  maxSockets?: number | undefined;
  /**
   * Collects verifications while another verification is in flight, then sends them in one request. If no verification
   * is in flight, sends the next one at once.
   * @default true, but false in a browser and on edge runtimes, where requests cannot share a connection
   */
  coalesce?: boolean | undefined;
  /** Sent with every call. */
  headers?: HeaderValues | undefined;
  /** Functions that are called before and after each attempt. */
  hooks?: Hooks | undefined;
  /**
   * Logs each attempt with secrets masked: true logs with console.debug, and a function is called with each line.
   * @default true if LATCHKEY_DEBUG of the environment is "true"
   */
  debug?: boolean | ((line: string) => void) | undefined;
};

/** The options of a client or a call after validation, with the defaults filled in. */
export type Settings = {
  /** empty if it is not set yet */
  rootKey: string;
  /** without a slash at its end */
  serverURL: string;
  allowHttp: boolean;
  retries: Retries;
  maxRetries: number;
  timeoutMs: number;
  coalesce: boolean;
  transport: Transport;
  /** names in lower case */
  headers: Record<string, string>;
  hooks: Hooks;
  debug: ((line: string) => void) | undefined;
};

/** Creates the transport of a client. */
export type TransportFactory = (options: Pick<LatchkeyOptions, "fetch" | "maxSockets">) => Transport;

/** Validates the options and fills in the defaults. Errors: `LatchkeyError` that names the option and its variable. */
export function readOptions(options: LatchkeyOptions, createTransport: TransportFactory): Settings {
  const rootKey = (options.rootKey ?? environment("LATCHKEY_ROOT_KEY") ?? "").trim();
  if (!/^[!-~]*$/.test(rootKey)) {
    throw new LatchkeyError(
      "The root key in `rootKey` or LATCHKEY_ROOT_KEY contains a space or a character that is not visible ASCII. Copy only the root key.",
    );
  }
  const allowHttp = options.allowHttp ?? environment("LATCHKEY_ALLOW_HTTP") === "true";
  const serverURL = options.serverURL ?? environment("LATCHKEY_URL") ?? "http://127.0.0.1:7070";
  return {
    rootKey,
    allowHttp,
    serverURL: readServerURL(serverURL, allowHttp),
    retries: readRetries(options.retries ?? { strategy: "backoff" }),
    maxRetries: readMaxRetries(options.maxRetries ?? Number.POSITIVE_INFINITY),
    timeoutMs: readTimeout(options.timeoutMs ?? 30_000),
    coalesce: options.coalesce ?? isServer(),
    transport: createTransport({ fetch: options.fetch, maxSockets: readMaxSockets(options.maxSockets) }),
    headers: {
      authorization: `Bearer ${rootKey}`,
      "content-type": "application/json",
      accept: "application/json",
      "user-agent": userAgent(),
      ...readHeaders(options.headers),
    },
    hooks: options.hooks ?? {},
    debug: readDebug(options.debug ?? environment("LATCHKEY_DEBUG") === "true"),
  };
}

/** The client's settings, except that the call's own options replace those of the same name. */
export function forCall(settings: Settings, options: CallOptions): Settings {
  const { serverURL, retries, maxRetries, timeoutMs, headers } = options;
  if ((serverURL ?? retries ?? maxRetries ?? timeoutMs ?? headers) === undefined) return settings;
  return {
    ...settings,
    ...(serverURL !== undefined && { serverURL: readServerURL(serverURL, settings.allowHttp) }),
    ...(retries !== undefined && { retries: readRetries(retries) }),
    ...(maxRetries !== undefined && { maxRetries: readMaxRetries(maxRetries) }),
    ...(timeoutMs !== undefined && { timeoutMs: readTimeout(timeoutMs) }),
    ...(headers !== undefined && { headers: { ...settings.headers, ...readHeaders(headers) } }),
  };
}

const thisHost = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

function readServerURL(text: string, allowHttp: boolean): string {
  const url = parsed(text);
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.username + url.password + url.search + url.hash
  ) {
    throw new LatchkeyError(
      "`serverURL` or LATCHKEY_URL must be a URL like https://host/path, without user, query or fragment.",
    );
  }
  if (url.protocol === "http:" && !allowHttp && !thisHost.test(url.hostname)) {
    throw new LatchkeyError(
      `With plain http, others on the network can read the root key. Use https, or set \`allowHttp: true\` or LATCHKEY_ALLOW_HTTP=true.`,
    );
  }
  return url.href.replace(/(?<!\/)\/+$/, "");
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function readRetries(retries: Retries): Retries {
  const { strategy } = retries;
  const times = strategy === "backoff" ? Object.values(retries.backoff ?? {}) : [];
  if ((strategy !== "none" && strategy !== "backoff") || times.some((time) => !(time >= 0))) {
    throw new LatchkeyError(
      '`retries` must have the strategy "none" or "backoff", and the numbers in its `backoff` must not be negative.',
    );
  }
  return retries;
}

function readTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new LatchkeyError("`timeoutMs` must be greater than 0.");
}

function readMaxRetries(maxRetries: number): number {
  if (maxRetries >= 0) return maxRetries;
  throw new LatchkeyError("`maxRetries` must not be negative.");
}

function readMaxSockets(maxSockets: number | undefined): number | undefined {
  if (maxSockets === undefined || maxSockets >= 1) return maxSockets;
  throw new LatchkeyError("`maxSockets` must be at least 1.");
}

function readDebug(debug: boolean | ((line: string) => void)): ((line: string) => void) | undefined {
  if (typeof debug === "function") return debug;
  return debug ? (line) => console.debug(line) : undefined;
}

/** Throws its own error for invalid headers, because the runtime's error quotes the value, which may be a secret. */
function readHeaders(headers: HeaderValues | undefined): Record<string, string> {
  try {
    return Object.fromEntries(new Headers(headers));
  } catch {
    throw new LatchkeyError("`headers` has an invalid name or value.");
  }
}
