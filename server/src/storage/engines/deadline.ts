/** The error that `within` throws when the time is over. */
export class Late extends Error {
  constructor() {
    super("no response in time");
  }
}

/**
 * How long `within` still waits after the deadline. A response may have arrived in time while this process was too busy
 * to read it.
 */
const graceMs = 50;

/** Waits for the promise for at most `ms`. Errors: `Late` after that time, although the promise may resolve later. */
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
