/**
 * Events on their way to the usage thread. Most differ from an earlier one of the same key only in their time and request,
 * so their line refers to that one: it takes the deciding thread a third of the time of a whole line.
 */
import type { UsageEvent } from "../domain/usage.ts";
import { eventOf, lineOf, type RecordedEvent } from "./lines.ts";

// A line begins with a digit, or with one of these.
/** a whole line to which later ones may refer */
const keptMark = "=";
/** then the order of the event that is repeated */
const repeatMark = "@";
/** Events of further keys are passed on as whole lines. */
const mostKept = 1_000;

/** Returns a function that writes one event after another, for one order. The `order` of each is one more than the last. */
export function lineWriter(): (event: UsageEvent, order: number) => string {
  const kept = new Map<string, { event: UsageEvent; head: string }>();
  let timeMs = 0;
  let time = "";
  return (event, order) => {
    const name = event.keyId ?? event.identifier ?? "";
    const earlier = kept.get(name);
    if (earlier === undefined) {
      if (kept.size >= mostKept || !isPlain(event)) return lineOf(event, order);
      kept.set(name, { event, head: `${repeatMark}${order}\t` });
      return keptMark + lineOf(event, order);
    }
    if (!isPlain(event) || !isEqual(event, earlier.event)) return lineOf(event, order);
    if (event.atMs !== timeMs) {
      timeMs = event.atMs;
      time = `${timeMs}\t`; // kept, since writing such a large number takes as long as the rest of the line
    }
    return `${earlier.head}${time}${event.requestId}\n`;
  };
}

function isPlain({ why, tags }: UsageEvent): boolean {
  return why === undefined && tags.length === 0;
}

/** Whether two plain events are equal but for their time and request. */
function isEqual(one: UsageEvent, other: UsageEvent): boolean {
  return (
    one.outcome === other.outcome &&
    one.credits === other.credits &&
    one.workspaceId === other.workspaceId &&
    one.keyId === other.keyId &&
    one.keyHash === other.keyHash &&
    one.identityId === other.identityId &&
    one.apiId === other.apiId &&
    one.namespaceId === other.namespaceId &&
    one.identifier === other.identifier &&
    one.request === other.request
  );
}

/** An event, and its line as it is stored. */
export type PassedEvent = { event: RecordedEvent; line: string };

/** The events of one order's text. */
export function* passedEvents(text: string): Generator<PassedEvent> {
  const kept = new Map<string, PassedEvent>();
  let order = -1;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const passed = passedEvent(line, kept, order + 1);
    order = passed.event.order;
    yield passed;
  }
}

function passedEvent(line: string, kept: Map<string, PassedEvent>, order: number): PassedEvent {
  if (line.startsWith(repeatMark)) return repeated(line, kept, order);
  if (!line.startsWith(keptMark)) return { event: eventOf(line), line };
  const whole = line.slice(keptMark.length);
  const passed = { event: eventOf(whole), line: whole };
  kept.set(String(passed.event.order), passed);
  return passed;
}

function repeated(line: string, kept: Map<string, PassedEvent>, order: number): PassedEvent {
  const [earlierOrder = "", atMs = "", requestId = ""] = line.slice(repeatMark.length).split("\t");
  const earlier = kept.get(earlierOrder);
  if (earlier === undefined) throw new Error("a line of usage refers to an event that was not passed on");
  const { workspaceId, requestId: earlierId } = earlier.event;
  const start = `${earlier.event.atMs}\t${earlierOrder}\t${workspaceId}\t${earlierId}`;
  return {
    event: { ...earlier.event, atMs: Number(atMs), order, requestId },
    line: `${atMs}\t${order}\t${workspaceId}\t${requestId}${earlier.line.slice(start.length)}`,
  };
}
