import type { ErrorCode } from "./operations.gen.ts";

const kindOf = Symbol.for("@latchkey/sdk kind of error");

/**
 * The base class of every error of this package. An error of no subclass means that an option, an input or a call of
 * this package is wrong.
 */
export class LatchkeyError extends Error {
  /**
   * Makes `instanceof` compare the names of classes, because an application that loads this package both as ESM and as
   * CommonJS has each class twice.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore-start lint/complexity/noThisInStatic: every subclass inherits this method, and `this` is that subclass
    const own = Object.getOwnPropertyDescriptor(this.prototype, kindOf)?.value;
    if (own === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
    // biome-ignore-end lint/complexity/noThisInStatic: see above
    for (
      let one: unknown = value;
      typeof one === "object" && one !== null;
      one = Object.getPrototypeOf(one)
    ) {
      if (Object.getOwnPropertyDescriptor(one, kindOf)?.value === own) return true;
    }
    return false;
  }
}

/** No response arrived: the server was not reached, or the connection broke. */
export class ConnectionError extends LatchkeyError {
  /** The runtime's code for the reason, such as `ECONNREFUSED`. Not every runtime has one. */
  declare readonly code: string | undefined;
  /** True if nothing listened at the server's address, so that the call had no effect. */
  declare readonly refused: boolean;

  constructor(
    message: string,
    { cause, ...fields }: { code: string | undefined; refused: boolean; cause: unknown },
  ) {
    super(message, { cause });
    Object.assign(this, fields);
  }
}

/** The call took longer than its `timeoutMs`, which includes retries and the waits between them. */
export class TimeoutError extends LatchkeyError {}

/** The call's `signal` was aborted; `cause` is the signal's reason. */
export class AbortError extends LatchkeyError {}

/** What the client received instead of a response of the API. */
export type Unreadable = {
  status: number;
  headers: Headers;
  /** the first 200 characters of the body, with secrets masked */
  text: string;
  /** whether the body looks like the beginning of a response that was cut off */
  cutOff: boolean;
};

/**
 * The response is not a response of the API: it is incomplete, not JSON (such as a proxy's error page), or
 * lacks fields.
 */
export class ResponseFormatError extends LatchkeyError {
  declare readonly status: number;
  declare readonly headers: Headers;
  /** The first 200 characters of the body, with secrets masked. */
  declare readonly text: string;
  /** Whether the body looks like the beginning of a response that was cut off. */
  declare readonly cutOff: boolean;

  constructor(message: string, unreadable: Unreadable) {
    super(message);
    Object.assign(this, unreadable);
  }
}

/** One error of the input. `location` is a path such as `body.ratelimits[0].limit`. */
export type Flaw = { location: string; message: string; fix?: string };

/** The server's description of why it refused a call. */
export type Problem = {
  status: number;
  code: string;
  type: string;
  title: string;
  detail: string;
  errors: readonly Flaw[];
  requestId: string;
  headers: Headers;
  body: string;
};

/** The server refused the call. */
export class ApiError extends LatchkeyError {
  declare readonly status: number;
  /**
   * The last segment of `type`, such as `identity_not_found`. A newer server may send codes that are not
   * in `ErrorCode`.
   */
  declare readonly code: ErrorCode | (string & {});
  /** The URL of the error's documentation. */
  declare readonly type: string;
  declare readonly title: string;
  declare readonly detail: string;
  /** What is invalid in the input. Empty if the server refused the call for another reason. */
  declare readonly errors: readonly Flaw[];
  /** Identifies the request in the server's log. */
  declare readonly requestId: string;
  declare readonly headers: Headers;
  /** The body of the response, with secrets masked. */
  declare readonly body: string;

  constructor(message: string, problem: Problem) {
    super(message);
    Object.assign(this, problem);
  }
}

/** 400: the input is invalid; `errors` says where. */
export class BadRequestError extends ApiError {}
/** 401: the root key is missing, mistyped or unknown. */
export class UnauthorizedError extends ApiError {}
/** 403: the root key lacks a permission. */
export class ForbiddenError extends ApiError {}
/** 404: the record does not exist, or the root key has no permission to see it. */
export class NotFoundError extends ApiError {}
/** 409: the record exists already, or a call with the same idempotency key is still in progress. */
export class ConflictError extends ApiError {}
/**
 * 412: the call needs something that is not set up, removes something protected, or exceeds a bound; `detail`
 * says what.
 */
export class PreconditionFailedError extends ApiError {}
/** 413: the request body is larger than the server accepts. */
export class ContentTooLargeError extends ApiError {}
/** 415: the request did not arrive as JSON, so a proxy or a `beforeRequest` hook has changed its headers. */
export class UnsupportedMediaTypeError extends ApiError {}
/** 422: the idempotency key was already used with a different input. */
export class UnprocessableError extends ApiError {}

/** 429: too many calls. */
export class TooManyRequestsError extends ApiError {
  /** How long the server asks to wait, in milliseconds. */
  get retryAfterMs(): number | undefined {
    return retryAfterMs(this.headers);
  }
}

/** 500 and every other 5xx status: the server failed. */
export class InternalServerError extends ApiError {}
/** 503: the server cannot serve the call at the moment, for example because its database does not respond. */
export class ServiceUnavailableError extends InternalServerError {}

const byStatus: Record<number, typeof ApiError> = {
  400: BadRequestError,
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  412: PreconditionFailedError,
  413: ContentTooLargeError,
  415: UnsupportedMediaTypeError,
  422: UnprocessableError,
  429: TooManyRequestsError,
  503: ServiceUnavailableError,
};

/** Creates an error of the class for `problem.status`. Its message begins with the name of the operation. */
export function apiError(operation: string, problem: Problem): ApiError {
  const Kind = byStatus[problem.status] ?? (problem.status >= 500 ? InternalServerError : ApiError);
  return new Kind(`${operation} returned ${problem.status} ${problem.code}: ${sentence(problem)}.`, problem);
}

/** The message of an `ApiError` after the colon: what is wrong, where, what to do about it, and the request's id. */
function sentence({ errors, detail, type, requestId }: Problem): string {
  const [flaw] = errors;
  const more = errors.length > 1 ? `and ${errors.length - 1} more, ` : "";
  const what =
    flaw === undefined
      ? `${detail.replace(/\.\s*$/, "").replace(/\.\s+/g, "; ")}; see ${type}`
      : `${flaw.location} ${flaw.message}${flaw.fix === undefined ? "" : `; ${flaw.fix}`}`;
  return `${what} (${more}${requestId})`;
}

/**
 * Reads the header Retry-After, which is a number of seconds or a date. Returns undefined if it is missing or invalid.
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after") ?? "";
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - sentAtMs(headers);
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** When the response was sent: the server's time in its Date header or, without a valid one, this machine's time. */
function sentAtMs(headers: Headers): number {
  const sentAt = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(sentAt) ? Date.now() : sentAt;
}

// A minifier renames the classes, so their names are written as strings here.
for (const [name, { prototype }] of Object.entries({
  LatchkeyError,
  ConnectionError,
  TimeoutError,
  AbortError,
  ResponseFormatError,
  ApiError,
  BadRequestError,
  UnauthorizedError,
  ForbiddenError,
  NotFoundError,
  ConflictError,
  PreconditionFailedError,
  ContentTooLargeError,
  UnsupportedMediaTypeError,
  UnprocessableError,
  TooManyRequestsError,
  InternalServerError,
  ServiceUnavailableError,
})) {
  prototype.name = name;
  Object.defineProperty(prototype, kindOf, { value: name });
}
