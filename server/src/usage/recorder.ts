import type { UsageEvent } from "../domain/usage.ts";
import { lineWriter } from "./repeats.ts";

/** If more characters than this wait to be sent to the usage thread, new events are dropped. */
const maxWaitingChars = 16 * 1024 * 1024;

/**
 * The maximum number of characters of tags that one workspace may record between two flushes. An event whose tags would
 * exceed it is recorded without tags. So long tags of one workspace do not push out the events of other workspaces.
 */
const maxTagChars = 1024 * 1024;

/**
 * Recorded events as lines of text, and how many they are. `lostUntilMs` is the time of the latest event that was
 * dropped since the previous `take`, or undefined if no event was dropped.
 */
export type Recorded = { text: string; count: number; lostUntilMs: number | undefined };

/** Collects recorded events as lines of text until the caller takes them with `take`. */
export function recorder() {
  let text = "";
  let write = lineWriter();
  let count = 0;
  let sequence = 0;
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
      text += write(withTagsThatFit(event), sequence);
      sequence += 1;
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
