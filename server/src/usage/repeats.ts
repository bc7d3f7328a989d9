/**
 * The text form in which events are passed to the usage thread. Most events differ from an earlier event of the same
 * key only in their time and request id. The line of such an event has only these two, and the number of the earlier
 * event. Writing it takes a third of the time of a whole line, and happens in the thread that serves requests.
 */
import type { UsageEvent } from "../domain/usage.ts";
import { type CountedEvent, countedReader, lineOf } from "./lines.ts";

// A line begins with `keptMark`, `repeatMark` or a digit. A digit begins a whole line to which no later line refers.
/** Begins a whole line to which later lines may refer. */
const keptMark = "=";
/** Begins a line that refers to an earlier event. The earlier event's number, the time and the request id follow. */
const repeatMark = "@";
/**
 * Lines may refer to events of at most this many keys and identifiers. Events of all other keys and identifiers are
 * written as whole lines.
 */
const mostKept = 1_000;

/**
 * Returns a function that turns an event of an `add` order into a line. The caller must pass it all events of the order
 * in the order in which they were recorded: each `sequence` must be that of the previous event plus 1.
 */
export function lineWriter(): (event: UsageEvent, sequence: number) => string {
  const kept = new Map<string, { event: UsageEvent; head: string }>();
  let timeMs = 0;
  let time = "";
  return (event, sequence) => {
    const name = event.keyId ?? event.identifier ?? "";
    const earlier = kept.get(name);
    if (earlier === undefined) {
      if (kept.size >= mostKept || !isPlain(event)) return lineOf(event, sequence);
      kept.set(name, { event, head: `${repeatMark}${sequence}\t` });
      return keptMark + lineOf(event, sequence);
    }
    if (!isPlain(event) || !isEqual(event, earlier.event)) return lineOf(event, sequence);
    if (event.atMs !== timeMs) {
      timeMs = event.atMs;
      time = `${timeMs}\t`; // reused, because converting such a large number takes as long as the rest of the line
    }
    return `${earlier.head}${time}${event.requestId}\n`;
  };
}

function isPlain({ why, tags }: UsageEvent): boolean {
  return why === undefined && tags.length === 0;
}

/** Whether two events are equal except for their time and request id. The events must not have `why` or tags. */
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

/** An event, and the line that is stored for it, including the newline. */
export type PassedEvent = { event: CountedEvent; line: string };

/**
 * An event that a later line of the same `add` order may repeat. `rest` is the part of its line after the request id,
 * with which the whole line of the repeat ends, too.
 */
type Kept = { event: CountedEvent; rest: string };

/** Returns a reader for the events in the text of one `add` order. */
export function passedReader(text: string): { isAtEnd(): boolean; read(): PassedEvent } {
  const { at, moveTo, isAtEnd, read } = countedReader(text);
  const kept = new Map<string, Kept>();
  let sequence = firstSequenceOf(text) - 1;

  function readWhole(startAt: number): PassedEvent {
    const event = read();
    return { event, line: text.slice(startAt, at()) };
  }

  function readRepeat(startAt: number): PassedEvent {
    const endAt = text.indexOf("\n", startAt);
    const [earlierSequence = "", time = "", requestId = ""] = text.slice(startAt, endAt).split("\t");
    const earlier = kept.get(earlierSequence);
    if (earlier === undefined)
      throw new Error("The text of an `add` order refers to an event that it does not contain.");
    moveTo(endAt + 1);
    const event = { ...earlier.event, atMs: Number(time) };
    return { event, line: `${time}\t${sequence}\t${event.workspaceId}\t${requestId}${earlier.rest}` };
  }

  return {
    isAtEnd,
    read(): PassedEvent {
      const startAt = at();
      sequence += 1;
      if (text.startsWith(repeatMark, startAt)) return readRepeat(startAt + 1);
      if (!text.startsWith(keptMark, startAt)) return readWhole(startAt);
      moveTo(startAt + 1);
      const passed = readWhole(startAt + 1);
      kept.set(String(sequence), { event: passed.event, rest: restOf(passed.line) });
      return passed;
    },
  };
}

/** The sequence number of the first event in a text. Its line is always whole, because no event precedes it. */
function firstSequenceOf(text: string): number {
  return Number(text.slice(text.indexOf("\t") + 1).split("\t", 1)[0]);
}

const fieldsBeforeRest = 4;

function restOf(line: string): string {
  let at = -1;
  for (let field = 0; field < fieldsBeforeRest; field += 1) at = line.indexOf("\t", at + 1);
  return line.slice(at);
}
