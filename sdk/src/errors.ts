import type { ErrorCode } from "./operations.gen.ts";

/** Whatever this package throws is one of these; itself it is a mistake in how the client is set up or called. */
export class LatchkeyError extends Error {}

/** No answer: the server was not reached, or the connection broke before one came. */
export class ConnectionError extends LatchkeyError {
  /** The runtime's name for the reason, such as `ECONNREFUSED`; not every runtime tells one. */
  declare readonly code: string | undefined;
  /** Whether nothing listened there, so that the call cannot have had an effect. */
  declare readonly refused: boolean;

  constructor(
    message: string,
    { cause, ...fields }: { code: string | undefined; refused: boolean; cause: unknown },
  ) {
    super(message, { cause });
    Object.assign(this, fields);
  }
}

/** The call took longer than its `timeoutMs`, repetitions and the waits between them included. */
export class TimeoutError extends LatchkeyError {}

/** The call's `signal` was aborted; `cause` is the signal's reason. */
export class AbortError extends LatchkeyError {}

/** What came instead of an answer. */
export type Unreadable = {
  status: number;
  headers: Headers;
  /** the first 200 characters of the body, secrets hidden */
  text: string;
  /** whether it looks like the beginning of an answer */
  cutOff: boolean;
};

/** An answer that is none of this API's: not JSON, cut off, of another shape, or a proxy's page. */
export class ResponseFormatError extends LatchkeyError {
  declare readonly status: number;
  declare readonly headers: Headers;
  /** The first 200 characters of the body, secrets hidden. */
  declare readonly text: string;
  /** Whether it looks like the beginning of an answer. */
  declare readonly cutOff: boolean;

  constructor(message: string, unreadable: Unreadable) {
    super(message);
    Object.assign(this, unreadable);
  }
}

/** One place of the input that is wrong: `location` is a path such as `body.ratelimits[0].limit`. */
export type Flaw = { location: string; message: string; fix?: string };

/** What the server says of a call that it refuses. */
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
  /** The last segment of `type`, such as `identity_not_found`; a newer server may send others. */
  declare readonly code: ErrorCode | (string & {});
  /** The address of the error's page. */
  declare readonly type: string;
  declare readonly title: string;
  declare readonly detail: string;
  /** What is wrong with the input, place by place; empty where it is not the input. */
  declare readonly errors: readonly Flaw[];
  /** Names the request in the server's log. */
  declare readonly requestId: string;
  declare readonly headers: Headers;
  /** The body as it came, secrets hidden. */
  declare readonly body: string;

  constructor(message: string, problem: Problem) {
    super(message);
    Object.assign(this, problem);
  }
}

/** 400: the input does not fit; `errors` says where. */
export class BadRequestError extends ApiError {}
/** 401: the root key is missing, mistyped or unknown. */
export class UnauthorizedError extends ApiError {}
/** 403: the root key may not do this. */
export class ForbiddenError extends ApiError {}
/** 404: there is no such thing, or the root key may not see it. */
export class NotFoundError extends ApiError {}
/** 409: it exists already, or the same call is still under way. */
export class ConflictError extends ApiError {}
/** 412: something that the call needs is not set up. */
export class PreconditionFailedError extends ApiError {}
/** 413: the input is larger than the server takes. */
export class ContentTooLargeError extends ApiError {}
/** 415: the server takes only JSON; something between has changed the call's headers. */
export class UnsupportedMediaTypeError extends ApiError {}
/** 422: the idempotency key was used with another input. */
export class UnprocessableError extends ApiError {}

/** 429: too many calls. */
export class TooManyRequestsError extends ApiError {
  /** How long the server asks to wait. */
  get retryAfterMs(): number | undefined {
    return retryAfterMs(this.headers);
  }
}

/** 500 and whatever else is the server's fault. */
export class InternalServerError extends ApiError {}
/** 503: the server cannot do it just now. */
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

/** The error of the problem's status; `operation` begins its message. */
export function apiError(operation: string, problem: Problem): ApiError {
  const Kind = byStatus[problem.status] ?? (problem.status >= 500 ? InternalServerError : ApiError);
  return new Kind(`${operation} answered ${problem.status} ${problem.code}: ${sentence(problem)}.`, problem);
}

/** What is wrong, where, what to do about it, and the request's id. */
function sentence({ errors, detail, type, requestId }: Problem): string {
  const [flaw] = errors;
  const more = errors.length > 1 ? `and ${errors.length - 1} more, ` : "";
  const what =
    flaw === undefined
      ? `${detail.replace(/\.\s*$/, "").replace(/\.\s+/g, "; ")}; see ${type}`
      : `${flaw.location} ${flaw.message}${flaw.fix === undefined ? "" : `; ${flaw.fix}`}`;
  return `${what} (${more}${requestId})`;
}

/** What the Retry-After header asks for, in seconds or as a date; undefined without one that can be read. */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after") ?? "";
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

// names that outlive a minifier
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
}
