import type { Ask } from "./redisConnection.ts";
import { markScript } from "./redisScripts.ts";

const markerKey = "latchkey:marker";

/**
 * Looks whether Redis still has the data it had: not so after a restart, a failover or a flush, even where the
 * counters outlived that, since the last writes may be gone. Calls `onLoss` once for each that it finds.
 */
export function lossWatch({ newId, onLoss }: { newId(): string; onLoss(): void }) {
  let known: string | undefined;
  return async (ask: Ask): Promise<void> => {
    const [before = "", now = ""] = (await ask(markScript, [markerKey], [newId()])) as string[];
    // a process that has just started knows what others, or its forerunner, saw
    const lost = before !== now && before !== "";
    if (known === undefined ? lost : known !== now) onLoss();
    known = now;
  };
}
