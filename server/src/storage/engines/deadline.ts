/** The error that `within` throws when the time is over. */
export class Late extends Error {}

/** After the deadline, extra time to read responses that have arrived while this process itself was blocked. */
const graceMs = 50;

/** Waits for the promise for at most `ms`. Errors: `Late` after that; the work behind the promise is not canceled. */
export async function within<T>(ms: number, promise: PromiseLike<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      timer = setTimeout(() => reject(new Late()), graceMs);
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
