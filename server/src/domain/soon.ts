/** A value that is there already, or will be. */
export type Soon<T> = T | Promise<T>;

/**
 * Does the work with the value: at once where it is there. An `await` would put it off to the microtask queue, and five
 * of those in a row are a tenth of what a verification costs.
 */
export function soon<T, U>(value: Soon<T>, work: (value: T) => Soon<U>): Soon<U> {
  return value instanceof Promise ? value.then(work) : work(value);
}
