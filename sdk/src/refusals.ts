import type { VerifyKeyData } from "./operations.gen.ts";
import { exceededLimit } from "./rateLimitHeaders.ts";

/** The application's HTTP response to a request that a guard refuses. */
export type Refusal = {
  passed: false;
  /** 401, 403, 429, 500 or 503, unless the option `onRefused` replaced it. */
  status: number;
  /** The names are in lower case. */
  headers: Record<string, string>;
  /** `problem` as JSON, unless the option `onRefused` replaced it. */
  body: string;
  problem: Problem;
};

/**
 * What `onRefused` changes in a response. `headers` are added to those of the response. If `body` is an object, it is
 * sent as JSON.
 */
export type Reply = {
  status?: number;
  headers?: Record<string, string>;
  body?: string | object;
};

/** The body of a response: a problem of RFC 9457 with further members. */
export type Problem = {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  /** The code of the verdict. Without a verdict it is MISSING (no key), UNAVAILABLE or MISCONFIGURED. */
  code: string;
  /** The permissions that the route requires. Set only if the key lacks them. */
  permissions?: string;
  /** The name of the limit that was exceeded. Set only with status 429. */
  limit?: string;
};

type Refused = Extract<VerifyKeyData, { valid: false }>;
type KeySource = string | ((...parameters: never[]) => unknown);

const details: Partial<Record<Refused["code"], [status: Status, detail: string]>> = {
  EXPIRED: [401, "The API key has expired."],
  DISABLED: [403, "The API key is disabled."],
  USAGE_EXCEEDED: [403, "The API key has used up its credits or its quota."],
};

/** The application's response if the key's verdict is not valid. `nowMs` is the time of the Latchkey server's clock. */
export function refused(verdict: Refused, permissions: string | undefined, nowMs: number): Refusal {
  if (verdict.code === "RATE_LIMITED") return rateLimited(verdict, nowMs);
  if (verdict.code === "INSUFFICIENT_PERMISSIONS") return notPermitted(permissions);
  if (verdict.code === "NOT_FOUND") return unknownKey();
  const [status, detail] = details[verdict.code] ?? [403, "The API key is not allowed to do this."];
  return refusal(status, verdict.code, detail, status === 401 ? challenge("invalid_token") : {});
}

/** The application's response if the key does not exist. */
export function unknownKey(): Refusal {
  return refusal(401, "NOT_FOUND", "The API key is not valid.", challenge("invalid_token"));
}

function rateLimited(verdict: Exclude<Refused, { code: "NOT_FOUND" }>, nowMs: number): Refusal {
  const exceeded = exceededLimit(verdict.ratelimits ?? [], nowMs);
  if (exceeded === undefined) {
    return refusal(429, verdict.code, "The API key sends too many requests. Try again in 1 s.", {
      "retry-after": "1",
    });
  }
  const { limit, seconds } = exceeded;
  const detail = `The API key has reached its limit "${limit.name}" of ${limit.limit} in ${limit.duration} ms. Try again in ${seconds} s.`;
  return refusal(429, verdict.code, detail, { "retry-after": String(seconds) }, { limit: limit.name });
}

/** The application's response if the key lacks permissions. `permissions` is the query that the route requires. */
export function notPermitted(permissions: string | undefined): Refusal {
  const code = "INSUFFICIENT_PERMISSIONS";
  const scope = challenge("insufficient_scope");
  if (permissions === undefined) return refusal(403, code, "The API key lacks a permission.", scope);
  return refusal(403, code, `The API key lacks a permission. The request needs ${permissions}.`, scope, {
    permissions,
  });
}

function challenge(error: string): Record<string, string> {
  return { "www-authenticate": `Bearer error="${error}"` };
}

/** The application's response to a request without a key. `source` is where the guard looks for the key. */
export function missing(source: KeySource): Refusal {
  return refusal(401, "MISSING", `${whereToSend(source)}.`, { "www-authenticate": "Bearer" });
}

function whereToSend(source: KeySource): string {
  if (typeof source === "function") return "Send an API key";
  if (source.toLowerCase() === "authorization") return "Send your API key as `Authorization: Bearer <key>`";
  return `Send your API key in the header \`${source}\``;
}

/** The application's response while the Latchkey server is unavailable or overloaded. */
export function unavailable(): Refusal {
  const detail = "API keys cannot be verified at the moment. Try again in a few seconds.";
  return refusal(503, "UNAVAILABLE", detail, { "retry-after": "1" });
}

/**
 * The application's response if the Latchkey server rejects the guard's verifications: the guard's root key, URL or an
 * option is wrong.
 */
export function misconfigured(): Refusal {
  const detail = "This service is misconfigured, so it cannot verify API keys. Report it to the operator.";
  return refusal(500, "MISCONFIGURED", detail, {});
}

/** Returns the refusal with the changes that `onRefused` returned. */
export function reshaped(refusal: Refusal, { status, headers, body = refusal.body }: Reply = {}): Refusal {
  const own = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    ...refusal,
    status: status ?? refusal.status,
    headers: { ...refusal.headers, ...Object.fromEntries(own) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

const titles = {
  401: "Unauthorized",
  403: "Forbidden",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};
type Status = keyof typeof titles;

function refusal(
  status: Status,
  code: string,
  detail: string,
  headers: Record<string, string>,
  more: Pick<Problem, "limit" | "permissions"> = {},
): Refusal {
  const problem: Problem = { type: "about:blank", title: titles[status], status, detail, code, ...more };
  return {
    passed: false,
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
    body: JSON.stringify(problem),
    problem,
  };
}

/** The response as a web `Response`. */
export function refusalResponse({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers });
}
