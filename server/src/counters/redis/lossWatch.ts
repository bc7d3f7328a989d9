import type { Ask } from "./connection.ts";
import { markScript } from "./scripts.ts";

const markerKey = "latchkey:marker";

/**
 * Returns a function that checks whether Redis was restarted, failed over or flushed since the last check, and if so,
 * calls `onLoss` once. Each of these may have lost the latest writes, even if older counters are still there.
 */
export function lossWatch({ newId, onLoss }: { newId(): string; onLoss(): void }) {
  let known: string | undefined;
  return async (ask: Ask): Promise<void> => {
    const [before = "", now = ""] = (await ask(markScript, [markerKey], [newId()])) as string[];
    // At this process's first check, no marker means an empty Redis, and a marker that was replaced means a loss: another
    // process, or this one before a restart, had set it. After that, any other marker than the known one means a loss.
    const lost = before !== now && before !== "";
    if (known === undefined ? lost : known !== now) onLoss();
    known = now;
  };
}
