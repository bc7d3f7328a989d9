import type { UsageEvent } from "../domain/usage.ts";
import { lineWriter } from "./repeats.ts";

/** The maximum amount of text that waits to be sent to the usage thread. Beyond it, new events are dropped. */
const maxWaitingChars = 16 * 1024 * 1024;

/**
 * The maximum amount of text that the tags of one workspace may add between two flushes. Beyond it, its events are
 * recorded without tags. They still count, and long tags of one workspace do not push out the events of others.
 */
const maxTagChars = 1024 * 1024;

/** Recorded events as lines of text. `lostUntilMs` is the time of the last event that was dropped, if any was. */
export type Recorded = { text: string; count: number; lostUntilMs: number | undefined };

/** Collects recorded events as lines of text until the caller takes them with `take`. */
export function recorder() {
  let text = "";
  let write = lineWriter();
  let count = 0;
  let order = 0;
  let lost = 0;
  let lostTags = 0;
  /** for each workspace, how many characters of tags were recorded since the last flush */
  const tagChars = new Map<string, number>();
  let lostUntilMs: number | undefined;

  function lose(untilMs: number, events: number): void {
    lost += events;
    lostUntilMs = Math.max(untilMs, lostUntilMs ?? 0);
  }

  function withTagsThatFit(event: UsageEvent): UsageEvent {
    const { tags, workspaceId } = event;
    if (tags.length === 0) return event;
    const chars = tags.reduce((sum, tag) => sum + tag.length, tagChars.get(workspaceId) ?? 0);
    if (chars <= maxTagChars) {
      tagChars.set(workspaceId, chars);
      return event;
    }
    lostTags += tags.length;
    return { ...event, tags: [] };
  }

  return {
    record(event: UsageEvent): void {
      if (text.length > maxWaitingChars) {
        lose(event.atMs, 1);
        return;
      }
      text += write(withTagsThatFit(event), order);
      order += 1;
      count += 1;
    },
    lose,
    lost: () => lost,
    lostTags: () => lostTags,
    take(): Recorded {
      const taken = { text, count, lostUntilMs };
      text = "";
      write = lineWriter();
      count = 0;
      tagChars.clear();
      lostUntilMs = undefined;
      return taken;
    },
  };
}
