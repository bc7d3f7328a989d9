/** Asks again until the answer is not undefined or false; fails after `withinMs` of waiting for what the system does. */
export async function until<T>(
  ask: () => T | Promise<T>,
  withinMs = 10_000,
): Promise<Exclude<T, undefined | false>> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() > giveUpAt)
      throw new Error(`what was waited for did not come within ${withinMs} ms`);
    await Bun.sleep(10);
  }
}
