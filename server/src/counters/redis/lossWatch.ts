import type { Ask } from "./connection.ts";
import { markScript } from "./scripts.ts";

const markerKey = "latchkey:marker";

/**
 * Returns a function that checks whether Redis was restarted, failed over or flushed since the last check, and if so,
 * calls `onLoss` once. Each of these events may have lost the latest writes, even if older counters are still there.
 * The check recognizes such an event by a marker in Redis, which the first check of any process after the event
 * replaces.
 */
export function lossWatch({ newId, onLoss }: { newId(): string; onLoss(): void }) {
  let known: string | undefined;
  return async (ask: Ask): Promise<void> => {
    const [before = "", now = ""] = (await ask(markScript, [markerKey], [newId()])) as string[];
    // At this process's first check, a missing marker is not a loss, because this process has counted nothing yet. A
    // marker that had to be replaced is a loss: an earlier process had set it. At later checks, any marker other than
    // the known marker is a loss.
    const lost = before !== now && before !== "";
    if (known === undefined ? lost : known !== now) onLoss();
    known = now;
  };
}
