import type { UsageEvent } from "../domain/usage.ts";
import { lineWriter } from "./repeats.ts";

/** The most text that waits to be passed on. Above it, new events are dropped. */
const maxWaitingChars = 16 * 1024 * 1024;

/**
 * The most text of one workspace's tags that waits to be passed on. Above it, events are recorded without their tags: they still
 * count, and whoever sends long tags takes no room from the events of others.
 */
const maxTagChars = 1024 * 1024;

/** Events as text, and until when others were lost. */
export type Recorded = { text: string; count: number; lostUntilMs: number | undefined };

/** Keeps what is recorded as lines of text until it is taken. */
export function recorder() {
  let text = "";
  let write = lineWriter();
  let count = 0;
  let order = 0;
  let lost = 0;
  let lostTags = 0;
  /** by workspace */
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
