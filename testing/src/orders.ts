/**
 * The protocol between the package and its server program: numbered orders on one pipe, and a reply to each on another.
 */

/** A failure that the server returns in place of a response. */
export type Fault = {
  /** an HTTP status from 400 to 599, such as 503 */
  status: number;
  /** how many requests fail. Default: 1 */
  times?: number;
};

/** A verification, or a decision of `ratelimit.limit`. */
export type TestEvent = {
  /** when it happened, by the server's clock, in Unix milliseconds */
  time: number;
  requestId: string;
  /** a verification's code, such as VALID; for `ratelimit.limit`, PASSED or REFUSED */
  outcome: string;
  keyId?: string;
  identityId?: string;
  apiId?: string;
  namespaceId?: string;
  /** the credits that the verification spent, or the cost that `ratelimit.limit` counted */
  credits: number;
  tags: readonly string[];
};

export type Order =
  | { kind: "set"; toMs: number }
  | { kind: "fail"; operation: string; fault: Fault }
  | { kind: "events" }
  | { kind: "reset"; nowMs: number };

/** The server program sends a first reply, with id 0, when it listens. */
export type Reply = { id: number; value: unknown } | { id: number; error: string };
