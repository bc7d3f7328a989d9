/**
 * Resolves in the next turn of the event loop, so that other requests run in between. Awaiting a promise that is
 * already resolved, such as one of a database in memory, does not let them run.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
