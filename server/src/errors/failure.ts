import { catalogue, type ErrorCode } from "./catalogue.ts";

/** One thing that is wrong in a request. `location` says where, such as `body.ratelimits[0].limit`. */
export type Flaw = { location: string; message: string; fix?: string };

/** What an error response has in addition to its row in the catalogue. */
type Details = {
  /** the sentence of `error.detail`; default: the row's `when` */
  detail?: string;
  flaws?: readonly Flaw[];
  headers?: Record<string, string>;
  cause?: unknown;
};

/**
 * An expected error, which has a row in the catalogue. Any other error that reaches a response is a bug, and the client
 * gets `unexpected_error`.
 */
export class Failure extends Error {
  readonly code: ErrorCode;
  readonly flaws: readonly Flaw[];
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, details: Details = {}) {
    super(details.detail ?? catalogue[code].when, { cause: details.cause });
    this.name = "Failure";
    this.code = code;
    this.flaws = details.flaws ?? [];
    this.headers = details.headers ?? {};
  }
}

/** The body of an error response. `type` is a URL. */
export type ErrorBody = {
  title: string;
  detail: string;
  status: number;
  type: string;
  errors?: Flaw[];
};

/**
 * Returns the 403 that names the missing permission. `<id>` in `permission` means that the permission for one resource
 * is enough. The message then also names the permission for all resources. It has the text `<id>`, never a real id.
 */
export function missingPermission(permission: string): Failure {
  const ofAll = permission.replace(".<id>.", ".*.");
  const detail =
    ofAll === permission
      ? `Missing permission: "${permission}".`
      : `Missing one of these permissions: "${permission}" or "${ofAll}".`;
  return new Failure("insufficient_permissions", { detail });
}

/** Returns the 400 for one flaw of the body. */
export function invalid(location: string, message: string, fix: string): Failure {
  return new Failure("invalid_input", {
    detail: `${location} ${message}.`,
    flaws: [{ location, message, fix }],
  });
}
