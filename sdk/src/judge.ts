import type { MetaTypes } from "./answers.ts";
import {
  ApiError,
  BadRequestError,
  ConnectionError,
  LatchkeyError,
  ResponseFormatError,
  TimeoutError,
} from "./errors.ts";
import type { Latchkey } from "./latchkey.ts";
import type { VerifyKeyData, VerifyKeyInput } from "./operations.gen.ts";

/** What a key lends to the request that it came with. */
export type VerifiedKey<M extends MetaTypes = MetaTypes> = Extract<VerifyKeyData<M>, { valid: true }>;

type Asked = Omit<VerifyKeyInput, "key">;

/** How a route is guarded: what `keys.verifyKey` takes beside the key, each as a value or by the request. */
export type GuardOptions<Request> = {
  [Member in keyof Asked]?: Asked[Member] | ((request: Request) => Asked[Member] | Promise<Asked[Member]>);
} & {
  /**
   * Where the key is: the name of a header, or a function that finds it.
   * @default "authorization", as a bearer token
   */
  key?: string | ((request: Request) => string | null | undefined | Promise<string | null | undefined>);
  /** How long a verification may take, repetitions included; milliseconds. @default 3000 */
  timeoutMs?: number;
  /** What to do with a request whose key cannot be verified, as the service is away or overloaded. @default "refuse" */
  onUnavailable?: "refuse" | "allow";
  /** Is told of each request whose key could not be verified. @default console.error */
  log?: (message: string, error: LatchkeyError) => void;
};

/** The verified key; undefined is possible only where requests are allowed while the service is away. */
export type Lent<M extends MetaTypes, Options> = Options extends { onUnavailable: infer Choice }
  ? "allow" extends Choice
    ? VerifiedKey<M> | undefined
    : VerifiedKey<M>
  : VerifiedKey<M>;

/** The answer to a request that is not to reach its handler: RFC 9457's body and the headers to it. */
export type Refusal = {
  passed: false;
  status: 401 | 403 | 429 | 500 | 503;
  headers: Record<string, string>;
  problem: { type: "about:blank"; title: string; status: number; detail: string; code: string };
};

export type Pass<Key> = { passed: true; key: Key };

/** Decides whether a request may pass; `header` reads one of it by its name in lower case. */
export type Judge<Request, Key> = (
  request: Request,
  header: (name: string) => unknown,
) => Promise<Pass<Key> | Refusal>;

/**
 * Makes the judge of a route. Nothing but a verdict that says so passes a request, save for an unavailable service
 * where the options allow it.
 */
export function judging<Request, M extends MetaTypes, Options extends GuardOptions<Request>>(
  latchkey: Latchkey<M>,
  options: Options,
): Judge<Request, Lent<M, Options>> {
  const {
    key: source = "authorization",
    timeoutMs = 3000,
    onUnavailable,
    log = console.error,
    ...asked
  } = options;
  const mayPass = onUnavailable === "allow";
  return async (request, header) => {
    const key = await presentedKey(source, request, header);
    if (key === undefined) return missing(source);
    const input: VerifyKeyInput = { key, ...(await resolved(asked, request)) };
    try {
      const { data } = await latchkey.keys.verifyKey<M>(input, { timeoutMs });
      return data.valid === true ? { passed: true, key: data as Lent<M, Options> } : refused(data);
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error;
      return unverified(error, mayPass, log) ?? { passed: true, key: undefined as Lent<M, Options> };
    }
  };
}

/** The refusal of a key that could not be verified; undefined where it may pass all the same. */
function unverified(
  error: LatchkeyError,
  mayPass: boolean,
  log: (message: string, error: LatchkeyError) => void,
): Refusal | undefined {
  if (isOfTheKey(error)) return refused({ valid: false, code: "NOT_FOUND" });
  const isAway = isUnavailable(error);
  const outcome = isAway && mayPass ? 'let through, as `onUnavailable` is "allow"' : "refused";
  log(`latchkey: a request's key could not be verified, so it was ${outcome}: ${error.message}`, error);
  if (isAway && mayPass) return undefined;
  return isAway ? unavailable() : misconfigured();
}

async function presentedKey<Request>(
  source: NonNullable<GuardOptions<Request>["key"]>,
  request: Request,
  header: (name: string) => unknown,
): Promise<string | undefined> {
  if (typeof source === "function") {
    const found: unknown = await source(request);
    return typeof found === "string" && found !== "" ? found : undefined;
  }
  const value = header(source.toLowerCase());
  if (typeof value !== "string") return undefined;
  const pattern = source.toLowerCase() === "authorization" ? /^bearer +([^\s,]+)$/i : /^([^\s,]+)$/;
  return pattern.exec(value.trim())?.[1];
}

async function resolved<Request>(asked: object, request: Request): Promise<Asked> {
  const members = Object.entries(asked).map(async ([name, value]) => [
    name,
    typeof value === "function" ? await value(request) : value,
  ]);
  return Object.fromEntries(await Promise.all(members));
}

type Refused = Extract<VerifyKeyData, { valid: false }>;

const words: Partial<Record<Refused["code"], [status: 401 | 403 | 429, detail: string]>> = {
  NOT_FOUND: [401, "The API key is not valid."],
  EXPIRED: [401, "The API key has expired."],
  DISABLED: [403, "The API key is disabled."],
  INSUFFICIENT_PERMISSIONS: [403, "The API key lacks a permission that this needs."],
  USAGE_EXCEEDED: [403, "The API key's credits are used up."],
  RATE_LIMITED: [429, "Too many requests with this API key."],
};

function refused(verdict: Refused): Refusal {
  const [status, detail] = words[verdict.code] ?? [403, "The API key may not be used here."];
  return refusal(status, verdict.code, detail, status === 429 ? waiting(verdict) : {});
}

/** The limit that is to be waited for the longest; whole seconds, never more than its window, whatever our clock says. */
function waiting(verdict: Refused): Record<string, string> {
  const limits = "ratelimits" in verdict ? (verdict.ratelimits ?? []) : [];
  const waits = limits
    .filter((limit) => limit.exceeded)
    .map((limit) => {
      const seconds = Math.ceil((limit.reset - Date.now()) / 1000);
      return { limit, seconds: Math.max(1, Math.min(seconds, Math.ceil(limit.duration / 1000))) };
    })
    .sort((one, other) => other.seconds - one.seconds);
  const [longest] = waits;
  if (longest === undefined) return { "retry-after": "1" };
  const { limit, seconds } = longest;
  return {
    "retry-after": String(seconds),
    "ratelimit-limit": String(limit.limit),
    "ratelimit-remaining": String(limit.remaining),
    "ratelimit-reset": String(seconds),
  };
}

function missing(source: string | ((...parameters: never[]) => unknown)): Refusal {
  return refusal(401, "MISSING", `${whereToSend(source)}.`, {});
}

function whereToSend(source: Parameters<typeof missing>[0]): string {
  if (typeof source === "function") return "Send an API key";
  if (source === "authorization") return "Send your API key as `Authorization: Bearer <key>`";
  return `Send your API key in the header \`${source}\``;
}

function unavailable(): Refusal {
  const detail = "API keys cannot be verified just now: try again in a moment.";
  return refusal(503, "UNAVAILABLE", detail, { "retry-after": "1" });
}

function misconfigured(): Refusal {
  return refusal(500, "MISCONFIGURED", "This server cannot verify API keys: tell whoever runs it.", {});
}

const titles = {
  401: "Unauthorized",
  403: "Forbidden",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

function refusal(
  status: Refusal["status"],
  code: string,
  detail: string,
  headers: Record<string, string>,
): Refusal {
  return {
    passed: false,
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(status === 401 && { "www-authenticate": "Bearer" }),
      ...headers,
    },
    problem: { type: "about:blank", title: titles[status], status, detail, code },
  };
}

/** The server does not even take such a text for a key. */
function isOfTheKey(error: LatchkeyError): boolean {
  if (!(error instanceof BadRequestError)) return false;
  const { code, errors } = error;
  return (
    code === "malformed" || (errors.length > 0 && errors.every(({ location }) => location === "body.key"))
  );
}

function isUnavailable(error: LatchkeyError): boolean {
  if (error instanceof ConnectionError || error instanceof TimeoutError) return true;
  if (error instanceof ResponseFormatError) return error.cutOff || error.status >= 500;
  return error instanceof ApiError && (error.status >= 500 || error.status === 429);
}
