import type { CallOptions, HeaderValues, Retries } from "./calls.ts";
import { LatchkeyError } from "./errors.ts";
import type { Hooks } from "./hooks.ts";
import { environment, isServer, userAgent } from "./runtimeChecks.ts";
import type { Fetch, Transport } from "./transport.ts";

/** How a client is set up. What is omitted comes from the environment or is the default. */
export type LatchkeyOptions = {
  /** @default the environment's LATCHKEY_ROOT_KEY, read by the first call if it is not set when the client is created */
  rootKey?: string | undefined;
  /** @default the environment's LATCHKEY_URL, else http://127.0.0.1:7070 */
  serverURL?: string | undefined;
  /**
   * Allows plain http to another host, where anyone on the way can read the root key.
   * @default whether the environment's LATCHKEY_ALLOW_HTTP is "true"
   */
  allowHttp?: boolean | undefined;
  /** Allows a client in a browser, where everyone can read the root key. @default false */
  allowBrowser?: boolean | undefined;
  /** @default exponential backoff on 5XX, 429 and connection errors: starts at 50 ms, grows by a factor of 1.5 up to 1000 ms, and stops after 10 s */
  retries?: Retries | undefined;
  /** At most this many retries, within the limits of `retries`. @default as many as `retries` allows */
  maxRetries?: number | undefined;
  /** How long a call may take in milliseconds, including retries and the waits between them. @default 30000 */
  timeoutMs?: number | undefined;
  /** @default node:http on Node, the runtime's `fetch` elsewhere */
  fetch?: Fetch | undefined;
  /** On Node, at most this many connections to a server. @default 64 */
  maxSockets?: number | undefined;
  /**
   * Sends verifications that wait at the same moment in one request. A lone verification never waits.
   * @default true, but false in a browser and on edge runtimes, where requests cannot share a connection
   */
  coalesce?: boolean | undefined;
  /** Sent with every call. */
  headers?: HeaderValues | undefined;
  /** Functions that are called before and after each attempt. */
  hooks?: Hooks | undefined;
  /** Logs each attempt with secrets masked: true for console.debug, or a function that takes a line. @default whether the environment's LATCHKEY_DEBUG is "true" */
  debug?: boolean | ((line: string) => void) | undefined;
};

/** The checked settings of a call. */
export type Settings = {
  /** empty if it is still missing */
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

/** Errors: `LatchkeyError` that names the option, and its environment variable if it has one. */
export function readOptions(options: LatchkeyOptions, createTransport: TransportFactory): Settings {
  const rootKey = (options.rootKey ?? environment("LATCHKEY_ROOT_KEY") ?? "").trim();
  if (!/^[!-~]*$/.test(rootKey)) {
    throw new LatchkeyError(
      "The root key in `rootKey` or LATCHKEY_ROOT_KEY has characters that no root key has.",
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

/** The client's settings with this call's own. */
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
      "`serverURL` or LATCHKEY_URL must look like https://host/path, without user, query and fragment.",
    );
  }
  if (url.protocol === "http:" && !allowHttp && !thisHost.test(url.hostname)) {
    throw new LatchkeyError(
      `Plain http shows the root key to everyone between here and ${url.hostname}. Use https, or set \`allowHttp: true\` or LATCHKEY_ALLOW_HTTP=true.`,
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
      '`retries` must have the strategy "none" or "backoff", and its numbers must not be negative.',
    );
  }
  return retries;
}

function readTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new LatchkeyError("`timeoutMs` must be a number above 0.");
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

/** The runtime's own error would quote the value, and that may be a secret. */
function readHeaders(headers: HeaderValues | undefined): Record<string, string> {
  try {
    return Object.fromEntries(new Headers(headers));
  } catch {
    throw new LatchkeyError("`headers` has an invalid name or value.");
  }
}
