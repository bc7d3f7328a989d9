/** A value that is available at once, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Calls `work` with the value: at once if the value is available, otherwise when the promise resolves. Verifications
 * use this instead of `await`, which always waits for the microtask queue: five awaits are a tenth of a
 * verification's cost.
 */
export function whenAvailable<T, U>(
  value: MaybePromise<T>,
  work: (value: T) => MaybePromise<U>,
): MaybePromise<U>;
/**
 * Passes the arguments that follow `work` on to `work`. So `work` can be a function at the top level of its module. A
 * closure instead would allocate two objects for each call.
 */
export function whenAvailable<T, U, A>(
  value: MaybePromise<T>,
  work: (value: T, first: A) => MaybePromise<U>,
  first: A,
): MaybePromise<U>;
export function whenAvailable<T, U, A, B>(
  value: MaybePromise<T>,
  work: (value: T, first: A, second: B) => MaybePromise<U>,
  first: A,
  second: B,
): MaybePromise<U>;
export function whenAvailable<T, U, A, B, C>(
  value: MaybePromise<T>,
  work: (value: T, first: A, second: B, third: C) => MaybePromise<U>,
  first: A,
  second: B,
  third: C,
): MaybePromise<U>;
export function whenAvailable<T, U>(
  value: MaybePromise<T>,
  work: (value: T, ...more: unknown[]) => MaybePromise<U>,
  first?: unknown,
  second?: unknown,
  third?: unknown,
): MaybePromise<U> {
  return value instanceof Promise
    ? later(value, work, first, second, third)
    : work(value, first, second, third);
}

/** A separate function, so that a closure is allocated only if the value is a promise. */
function later<T, U>(
  value: Promise<T>,
  work: (value: T, ...more: unknown[]) => MaybePromise<U>,
  first: unknown,
  second: unknown,
  third: unknown,
): Promise<U> {
  return value.then((found) => work(found, first, second, third));
}

/** All of the values: at once if all are available, otherwise as a promise. */
export function allAvailable<T>(values: readonly MaybePromise<T>[]): MaybePromise<readonly T[]> {
  if (!values.some((value) => value instanceof Promise)) return values as readonly T[];
  return Promise.all(values.map((value) => Promise.resolve(value)));
}
