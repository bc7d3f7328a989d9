import type { Ask } from "./connection.ts";
import { markScript } from "./scripts.ts";

const markerKey = "latchkey:marker";

/**
 * Returns a function that checks whether Redis was restarted, failed over or flushed since the last check, and if so,
 * calls `onLoss` once. Each of these may have lost the latest writes, even if older counters are still there. The check
 * recognizes them by a marker in Redis: the first check of any process afterwards replaces it.
 */
export function lossWatch({ newId, onLoss }: { newId(): string; onLoss(): void }) {
  let known: string | undefined;
  return async (ask: Ask): Promise<void> => {
    const [before = "", now = ""] = (await ask(markScript, [markerKey], [newId()])) as string[];
    // At this process's first check, no marker means an empty Redis. A marker that was replaced means a loss, since
    // an earlier process had set it. At later checks, a marker that is not the known one means a loss.
    const lost = before !== now && before !== "";
    if (known === undefined ? lost : known !== now) onLoss();
    known = now;
  };
}
