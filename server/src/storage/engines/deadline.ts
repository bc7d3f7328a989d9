/** The error that `within` throws when the time is over. */
export class Late extends Error {}

/**
 * How long `within` waits after the deadline, to read a response that arrived in time while this process was blocked.
 */
const graceMs = 50;

/** Waits for the promise for at most `ms`. Errors: `Late` after that time. The work behind the promise goes on. */
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
