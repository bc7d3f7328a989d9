/** How the package and its server program talk: numbered orders on one pipe, and replies on another. */

/** A failure that the server returns in place of a response. */
export type Fault = {
  /** a status of 400 or more, such as 503 */
  status: number;
  /** how many requests fail. Default: 1 */
  times?: number;
};

/** A verification, or a decision of a rate limit. */
export type TestEvent = {
  /** Unix time in milliseconds, by the clock of the test */
  time: number;
  requestId: string;
  /** the code of a verification, or PASSED or REFUSED */
  outcome: string;
  keyId?: string;
  identityId?: string;
  apiId?: string;
  namespaceId?: string;
  /** the credits or the cost that were spent */
  credits: number;
  tags: readonly string[];
};

export type Order =
  | { kind: "advance"; byMs: number }
  | { kind: "set"; toMs: number }
  | { kind: "fail"; operation: string; fault: Fault }
  | { kind: "events" }
  | { kind: "reset"; nowMs: number };

/** The first reply, with id 0, comes when the server listens. */
export type Reply = { id: number; value: unknown } | { id: number; error: string };
