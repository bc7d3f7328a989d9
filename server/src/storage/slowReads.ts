import { identityPage } from "./queries/identityPage.ts";
import type { Db } from "./schema.ts";

/**
 * Reads that run with all their statements where slow reads run. On SQLite that is a thread of its own, and only the
 * result passes to the main thread. Passing the rows of 100 identities took both threads 340 µs; passing their finished
 * JSON takes 40 µs.
 */
const slowReads = { identityPage };

type SlowReads = typeof slowReads;

/** One of `slowReads`, and its arguments. */
export type SlowRead = {
  [Name in keyof SlowReads]: { name: Name; args: Parameters<SlowReads[Name]>[1] };
}[keyof SlowReads];

/** Runs one of `slowReads`. Errors: `StorageError`. */
export type ReadSlowly = <Name extends keyof SlowReads>(
  name: Name,
  args: Parameters<SlowReads[Name]>[1],
) => Promise<Awaited<ReturnType<SlowReads[Name]>>>;

/** Returns a function that runs `slowReads` in this thread. */
export function slowReader(db: Db): ReadSlowly {
  return async (name, args) => (await slowReads[name](db, args)) as never;
}
