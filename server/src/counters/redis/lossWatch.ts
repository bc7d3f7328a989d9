import type { Ask } from "./connection.ts";
import { markScript } from "./scripts.ts";

const markerKey = "latchkey:marker";

/**
 * Returns a function that checks whether Redis may have lost data, and calls `onLoss` once for each loss. After a
 * restart, a failover or a flush, data may be lost even if counters survived, since the last writes may be missing.
 */
export function lossWatch({ newId, onLoss }: { newId(): string; onLoss(): void }) {
  let known: string | undefined;
  return async (ask: Ask): Promise<void> => {
    const [before = "", now = ""] = (await ask(markScript, [markerKey], [newId()])) as string[];
    // On the first check, another process may have set the marker, or this one before a restart. If it is outdated, data is lost.
    const lost = before !== now && before !== "";
    if (known === undefined ? lost : known !== now) onLoss();
    known = now;
  };
}
