import type { UsageEvent } from "../domain/usage.ts";

/** Events as one text, a JSON array. */
export type EventText = { count: number; text: string };

/** One text for so many costs less than a text each, and leaves less for the collector to keep. */
const eventsInText = 256;
/** Waiting to be stored; above it the oldest are dropped, a text at a time. */
const maxTexts = 80;

/** Single events until they are taken, the newest 20,480 of them. */
export function waitingEvents(onDrop: (count: number) => void) {
  let open: UsageEvent[] = [];
  let texts: EventText[] = [];

  function close(): void {
    if (open.length === 0) return;
    texts.push({ count: open.length, text: JSON.stringify(open) });
    open = [];
  }

  function dropOldest(): void {
    const dropped = texts.slice(0, -maxTexts);
    if (dropped.length === 0) return;
    texts = texts.slice(-maxTexts);
    onDrop(dropped.reduce((sum, { count }) => sum + count, 0));
  }

  return {
    add(event: UsageEvent): void {
      open.push(event);
      if (open.length < eventsInText) return;
      close();
      if (texts.length >= 2 * maxTexts) dropOldest();
    },
    take(): EventText[] {
      close();
      dropOldest();
      const taken = texts;
      texts = [];
      return taken;
    },
  };
}
