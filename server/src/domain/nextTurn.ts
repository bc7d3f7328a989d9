/**
 * Resolves in the next turn of the event loop, so that other requests run in between. Awaiting a promise that is
 * already resolved, such as the promise of a database in memory, does not let other requests run.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
