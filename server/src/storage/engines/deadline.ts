/** What `within` throws. */
export class Late extends Error {}

/** If this process itself was blocked, it gets this long to read responses that arrived in the meantime. */
const graceMs = 50;

/** The promise's outcome, or `Late` after `ms`. The work behind the promise is not canceled. */
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
