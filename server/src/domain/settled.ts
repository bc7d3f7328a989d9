import type { MaybePromise } from "./maybePromise.ts";

/** The value or the error of a piece of work. Several pieces run together, and continue if one of them fails. */
export type Settled<T> = { value: T } | { error: unknown };

/**
 * Calls `work` with these arguments, and returns its value or the error that it throws. The caller passes the arguments
 * separately, because a closure that contains them would be allocated for each call.
 */
export function settle<A extends readonly unknown[], T>(work: (...args: A) => T, ...args: A): Settled<T> {
  try {
    return { value: work(...args) };
  } catch (error) {
    return { error };
  }
}

/** Like `settle`, for work that may return a promise. */
export function settleLater<A extends readonly unknown[], T>(
  work: (...args: A) => MaybePromise<T>,
  ...args: A
): MaybePromise<Settled<T>> {
  const started = settle(work, ...args);
  if ("error" in started || !(started.value instanceof Promise)) return started as Settled<T>;
  return started.value.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
