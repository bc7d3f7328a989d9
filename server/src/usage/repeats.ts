/**
 * Events on their way to the usage thread. Most differ from an earlier one of the same key only in their time and request,
 * so their line refers to that one: it takes the deciding thread a third of the time of a whole line.
 */
import type { UsageEvent } from "../domain/usage.ts";
import { type CountedEvent, countedReader, lineOf } from "./lines.ts";

// A line begins with a digit, or with one of these.
/** a whole line to which later ones may refer */
const keptMark = "=";
/** then the order of the event that is repeated */
const repeatMark = "@";
/** The maximum number of keys and identifiers with a kept line. The events of all others are written as whole lines. */
const mostKept = 1_000;

/**
 * Returns a function that formats the events of one sequence as lines. The caller passes them in sequence: the `order` of
 * each event is that of the previous one plus 1.
 */
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

/** An event and its stored line, with the newline. */
export type PassedEvent = { event: CountedEvent; line: string };

/** An event to which later lines may refer. `rest`: its line from the end of its request id on. */
type Kept = { event: CountedEvent; rest: string };

/** Returns a reader of the text of one order. */
export function passedReader(text: string): { isAtEnd(): boolean; read(): PassedEvent } {
  const { at, moveTo, isAtEnd, read } = countedReader(text);
  const kept = new Map<string, Kept>();
  let order = firstOrderOf(text) - 1;

  function readWhole(startAt: number): PassedEvent {
    const event = read();
    return { event, line: text.slice(startAt, at()) };
  }

  function readRepeat(startAt: number): PassedEvent {
    const endAt = text.indexOf("\n", startAt);
    const [earlierOrder = "", time = "", requestId = ""] = text.slice(startAt, endAt).split("\t");
    const earlier = kept.get(earlierOrder);
    if (earlier === undefined) throw new Error("a line of usage refers to an event that was not passed on");
    moveTo(endAt + 1);
    const event = { ...earlier.event, atMs: Number(time) };
    return { event, line: `${time}\t${order}\t${event.workspaceId}\t${requestId}${earlier.rest}` };
  }

  return {
    isAtEnd,
    read(): PassedEvent {
      const startAt = at();
      order += 1;
      if (text.startsWith(repeatMark, startAt)) return readRepeat(startAt + 1);
      if (!text.startsWith(keptMark, startAt)) return readWhole(startAt);
      moveTo(startAt + 1);
      const passed = readWhole(startAt + 1);
      kept.set(String(order), { event: passed.event, rest: restOf(passed.line) });
      return passed;
    },
  };
}

/** The first line of an order is always whole. */
function firstOrderOf(text: string): number {
  return Number(text.slice(text.indexOf("\t") + 1).split("\t", 1)[0]);
}

const fieldsBeforeRest = 4;

function restOf(line: string): string {
  let at = -1;
  for (let field = 0; field < fieldsBeforeRest; field += 1) at = line.indexOf("\t", at + 1);
  return line.slice(at);
}
