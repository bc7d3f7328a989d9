import type { Retries } from "./answers.ts";
import { ApiError, ConnectionError, ResponseFormatError, retryAfterMs } from "./errors.ts";

/** Where a call stands when an attempt has failed. */
export type Progress = {
  /** how many were made before this one */
  attempt: number;
  elapsedMs: number;
  timeoutMs: number;
  /** whether a repetition may count or spend twice */
  counts: boolean;
};

type Backoff = Extract<Retries, { strategy: "backoff" }>;

/** How many milliseconds to wait before the next attempt; undefined where there is to be none. */
export function waitBefore(retries: Retries, error: unknown, progress: Progress): number | undefined {
  if (retries.strategy === "none" || !isWorthIt(retries, error, progress.counts)) return undefined;
  const {
    initialInterval = 50,
    maxInterval = 1000,
    exponent = 1.5,
    maxElapsedTime = 10_000,
  } = retries.backoff ?? {};
  const longestMs = Math.min(maxInterval, initialInterval * exponent ** progress.attempt);
  const wait = Math.random() * longestMs + (askedMs(error) ?? 0);
  return progress.elapsedMs + wait < Math.min(maxElapsedTime, progress.timeoutMs) ? wait : undefined;
}

function askedMs(error: unknown): number | undefined {
  return error instanceof ApiError ? retryAfterMs(error.headers) : undefined;
}

function isWorthIt(retries: Backoff, error: unknown, counts: boolean): boolean {
  const { retryConnectionErrors = true, retryTooManyRequests = true } = retries;
  if (error instanceof ConnectionError) return retryConnectionErrors && (error.refused || !counts);
  if (error instanceof ResponseFormatError) {
    return !counts && (error.status >= 500 || (error.cutOff && retryConnectionErrors));
  }
  if (!(error instanceof ApiError)) return false;
  // in our own envelope a 5xx says that nothing was changed, but for this one
  if (error.status >= 500) return !counts || error.code !== "outcome_unknown";
  if (error.status === 429) return retryTooManyRequests && !counts && askedMs(error) !== undefined;
  // our own first attempt, its connection lost, is still at work
  return error.code === "idempotency_in_progress";
}
