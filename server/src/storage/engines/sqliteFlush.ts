import { StorageError } from "../engine.ts";
import type { SqliteThread } from "./sqliteThread.ts";

/**
 * Flushes commits to disk, on a background thread. After a failed flush, nobody knows what the disk has stored, so no
 * further transaction may start.
 */
export function commitFlusher(thread: SqliteThread) {
  let failure: StorageError | undefined;
  return {
    /** Call it before each transaction. Errors: `StorageError` `unavailable` if a flush has failed before. */
    refuseAfterFailure(): void {
      if (failure !== undefined) throw failure;
    },
    /** Flushes everything that was committed. Errors: `StorageError` `not_durable` if the flush fails. */
    async flush(): Promise<void> {
      try {
        await thread.ask({ kind: "sync" });
      } catch (error) {
        const message =
          "An earlier commit could not be flushed to disk, so nothing more is written. Check the disk, and restart the server.";
        failure = new StorageError("unavailable", message, error);
        throw new StorageError("not_durable", "The commit could not be flushed to disk.", error);
      }
    },
  };
}
