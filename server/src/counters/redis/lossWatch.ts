import type { Ask } from "./connection.ts";
import { markScript } from "./scripts.ts";

const markerKey = "latchkey:marker";

/**
 * Checks whether Redis may have lost data: after a restart, a failover or a flush it may have, even if counters
 * survived, since the last writes may be gone. Calls `onLoss` once for each loss that it finds.
 */
export function lossWatch({ newId, onLoss }: { newId(): string; onLoss(): void }) {
  let known: string | undefined;
  return async (ask: Ask): Promise<void> => {
    const [before = "", now = ""] = (await ask(markScript, [markerKey], [newId()])) as string[];
    // on the first check, a marker set by another process or before a restart is what Redis should still have
    const lost = before !== now && before !== "";
    if (known === undefined ? lost : known !== now) onLoss();
    known = now;
  };
}
