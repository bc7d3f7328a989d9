import type { LatchkeyError } from "./errors.ts";

/** A request that is about to be sent. `headers` may be changed, for example to add those of a trace. */
export type HookRequest = {
  /** such as "keys.verifyKey" */
  operation: string;
  url: string;
  headers: Record<string, string>;
  /** 0 for the first attempt */
  attempt: number;
};

/** How an attempt ended: with a response's `status`, or with an `error`. A refusal of the server has both. */
export type HookOutcome = {
  operation: string;
  attempt: number;
  durationMs: number;
  status: number | undefined;
  requestId: string | undefined;
  error: LatchkeyError | undefined;
};

/** What a hook throws becomes the error of the call. */
export type Hooks = {
  beforeRequest?: (request: HookRequest) => void | Promise<void>;
  afterResponse?: (outcome: HookOutcome) => void | Promise<void>;
};
