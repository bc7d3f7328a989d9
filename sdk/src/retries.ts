import type { Retries } from "./calls.ts";
import { ApiError, ConnectionError, ResponseFormatError, retryAfterMs } from "./errors.ts";

/** The state of a call after an attempt has failed. */
export type Progress = {
  /** the number of attempts before the attempt that failed */
  attempt: number;
  elapsedMs: number;
  timeoutMs: number;
  maxRetries: number;
  /** whether the operation counts or spends, so that a retry may count or spend a second time */
  counts: boolean;
  /**
   * the option `failFast`: no retry if nothing listens at the server's address, or if a proxy returns 502, 503 or 504
   */
  failFast: boolean;
};

type Backoff = Extract<Retries, { strategy: "backoff" }>;

/** Returns how many milliseconds to wait before the next attempt, or undefined if the call must not be retried. */
export function waitBefore(retries: Retries, error: unknown, progress: Progress): number | undefined {
  if (retries.strategy === "none" || progress.attempt >= progress.maxRetries) return undefined;
  if (progress.failFast && isAway(error)) return undefined;
  if (!isWorthIt(retries, error, progress.counts)) return undefined;
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

/** Whether nothing listens at the server's address, or a proxy reports that it cannot reach the server. */
function isAway(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.refused;
  return error instanceof ResponseFormatError && [502, 503, 504].includes(error.status);
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
  // A 5xx that the server itself sent means that nothing was changed, except if its code is `outcome_unknown`.
  if (error.status >= 500) return !counts || error.code !== "outcome_unknown";
  if (error.status === 429) return retryTooManyRequests && !counts && askedMs(error) !== undefined;
  // An earlier attempt of this call has lost its connection, and the server is still executing that attempt.
  return error.code === "idempotency_in_progress";
}
