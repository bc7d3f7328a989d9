import { identityPage } from "./queries/identityPage.ts";
import type { Db } from "./schema.ts";

/**
 * Reads that are run as a whole where slow reads are run. On SQLite that is a thread: passing the rows of 100
 * identities from it took both threads 340 µs, and passing the finished JSON takes 40.
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

/** Runs slow reads in this thread. */
export function slowReader(db: Db): ReadSlowly {
  return async (name, args) => (await slowReads[name](db, args)) as never;
}
