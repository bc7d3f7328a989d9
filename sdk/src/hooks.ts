import type { LatchkeyError } from "./errors.ts";

/** A request that is about to be sent. A hook may change `headers`, for example to add trace headers. */
export type HookRequest = {
  /** such as "keys.verifyKey" */
  operation: string;
  url: string;
  headers: Record<string, string>;
  /** 0 for the first attempt */
  attempt: number;
};

/**
 * How an attempt ended: with a `status`, an `error`, or both. It has both if a response arrived that is an error
 * response or not from the API.
 */
export type HookOutcome = {
  operation: string;
  attempt: number;
  durationMs: number;
  status: number | undefined;
  requestId: string | undefined;
  error: LatchkeyError | undefined;
};

/** If a hook throws, the call fails with that error. */
export type Hooks = {
  beforeRequest?: (request: HookRequest) => void | Promise<void>;
  afterResponse?: (outcome: HookOutcome) => void | Promise<void>;
};
