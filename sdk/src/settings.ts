import type { CallOptions, HeaderValues, Retries } from "./answers.ts";
import { LatchkeyError } from "./errors.ts";

/** How a client is set up. What is left away comes from the environment, or is as described. */
export type LatchkeyOptions = {
  /** @default the environment's LATCHKEY_ROOT_KEY */
  rootKey?: string | undefined;
  /** @default the environment's LATCHKEY_URL, else http://127.0.0.1:7070 */
  serverURL?: string | undefined;
  /**
   * Allows plain http to another host than this one, where anyone on the way can read the root key.
   * @default whether the environment's LATCHKEY_ALLOW_HTTP is "true"
   */
  allowHttp?: boolean | undefined;
  /** @default backoff from 50 ms by 1.5 up to 1000 ms, for 10 s, on 5XX, connection errors and 429 */
  retries?: Retries | undefined;
  /** How long a call may take, repetitions and the waits between them included; milliseconds. @default 30000 */
  timeoutMs?: number | undefined;
  /** @default the runtime's own */
  fetch?: Fetch | undefined;
  /** Sent with every call. */
  headers?: HeaderValues | undefined;
};

/** As much of `fetch` as the client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What one call is made with, checked. */
export type Settings = {
  rootKey: string;
  /** without a slash at its end */
  serverURL: string;
  allowHttp: boolean;
  retries: Retries;
  timeoutMs: number;
  fetch: Fetch;
  /** names in lower case */
  headers: Record<string, string>;
};

/** Errors: `LatchkeyError` naming the option, and the environment's variable where there is one. */
export function readOptions(options: LatchkeyOptions): Settings {
  const rootKey = (options.rootKey ?? environment("LATCHKEY_ROOT_KEY") ?? "").trim();
  if (rootKey === "") {
    throw new LatchkeyError("There is no root key: give `rootKey`, or set LATCHKEY_ROOT_KEY.");
  }
  if (!/^[!-~]+$/.test(rootKey)) {
    throw new LatchkeyError("The root key in `rootKey` or LATCHKEY_ROOT_KEY has characters that none has.");
  }
  const allowHttp = options.allowHttp ?? environment("LATCHKEY_ALLOW_HTTP") === "true";
  const serverURL = options.serverURL ?? environment("LATCHKEY_URL") ?? "http://127.0.0.1:7070";
  return {
    rootKey,
    allowHttp,
    serverURL: readServerURL(serverURL, allowHttp),
    retries: readRetries(options.retries ?? { strategy: "backoff" }),
    timeoutMs: readTimeout(options.timeoutMs ?? 30_000),
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    headers: {
      authorization: `Bearer ${rootKey}`,
      "content-type": "application/json",
      accept: "application/json",
      ...readHeaders(options.headers),
    },
  };
}

/** The client's settings with what this call says instead. */
export function forCall(settings: Settings, options: CallOptions): Settings {
  const { serverURL, retries, timeoutMs, headers } = options;
  if ((serverURL ?? retries ?? timeoutMs ?? headers) === undefined) return settings;
  return {
    ...settings,
    ...(serverURL !== undefined && { serverURL: readServerURL(serverURL, settings.allowHttp) }),
    ...(retries !== undefined && { retries: readRetries(retries) }),
    ...(timeoutMs !== undefined && { timeoutMs: readTimeout(timeoutMs) }),
    ...(headers !== undefined && { headers: { ...settings.headers, ...readHeaders(headers) } }),
  };
}

/** Undefined where the runtime has no environment, or does not let it be read. */
function environment(name: string): string | undefined {
  try {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
    return process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
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
      "`serverURL` or LATCHKEY_URL must be like https://host/path, without user, query and fragment.",
    );
  }
  if (url.protocol === "http:" && !allowHttp && !thisHost.test(url.hostname)) {
    throw new LatchkeyError(
      `Plain http to ${url.hostname} shows the root key to all on the way: use https, or give \`allowHttp: true\` or LATCHKEY_ALLOW_HTTP=true.`,
    );
  }
  return url.href.replace(/\/+$/, "");
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
    throw new LatchkeyError('`retries` must have the strategy "none" or "backoff", and numbers from 0.');
  }
  return retries;
}

function readTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new LatchkeyError("`timeoutMs` must be a number above 0.");
}

/** The runtime's own error would quote the value, which may be a secret. */
function readHeaders(headers: HeaderValues | undefined): Record<string, string> {
  try {
    return Object.fromEntries(new Headers(headers));
  } catch {
    throw new LatchkeyError("`headers` has a name or a value that no header can have.");
  }
}
