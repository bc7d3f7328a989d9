/**
 * Calls `read` again and again until it returns something other than undefined or false, and returns that. Throws
 * after `withinMs`.
 */
export async function until<T>(
  read: () => T | Promise<T>,
  withinMs = 20_000,
): Promise<Exclude<T, undefined | false>> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > giveUpAt)
      throw new Error(`waited ${withinMs} ms in vain for a result of ${read.toString()}`);
    await Bun.sleep(10);
  }
}
