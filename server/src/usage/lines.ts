import type { UsageEvent, Why } from "../domain/usage.ts";

/** A recorded event. `sequence` is its number among all events that the same process recorded, from 0. */
export type RecordedEvent = UsageEvent & { sequence: number };

/**
 * Serializes an event as one line with tabs between its fields. The line is sent to the usage thread and stored.
 * Building the line takes a third of the time of JSON.stringify. Ids and outcomes contain no tabs, and JSON escapes the
 * tabs in texts that callers choose.
 */
export function lineOf(event: UsageEvent, sequence: number): string {
  const { keyId = "", keyHash = "", identityId = "", apiId = "", namespaceId = "", request = "" } = event;
  const identifier = event.identifier === undefined ? "" : JSON.stringify(event.identifier);
  const why = event.why === undefined ? "" : JSON.stringify(event.why);
  const tags = event.tags.length === 0 ? "" : JSON.stringify(event.tags);
  return `${event.atMs}\t${sequence}\t${event.workspaceId}\t${event.requestId}\t${event.outcome}\t${event.credits}\t${keyId}\t${identityId}\t${apiId}\t${namespaceId}\t${keyHash}\t${identifier}\t${why}\t${tags}\t${request}\n`;
}

/** The fields of an event that are needed to count it. */
export type CountedEvent = Pick<
  UsageEvent,
  "atMs" | "workspaceId" | "outcome" | "credits" | "keyId" | "identityId" | "apiId" | "namespaceId" | "tags"
>;

/**
 * Returns a reader that parses lines of `lineOf` one after another, but only the fields that are needed to count an
 * event. That takes a third of the time of `eventOf`. The strings of an event are slices of `text`, and each slice
 * keeps the whole text in memory. So a caller that keeps a string must make an `ownCopy` of it.
 */
export function countedReader(text: string) {
  let at = 0;

  function next(): string {
    const end = text.indexOf("\t", at);
    const field = text.slice(at, end);
    at = end + 1;
    return field;
  }

  function skip(fields: number): void {
    for (let field = 0; field < fields; field += 1) at = text.indexOf("\t", at) + 1;
  }

  return {
    /** the index at which the next line begins */
    at: () => at,
    isAtEnd: () => at >= text.length,
    moveTo(index: number): void {
      at = index;
    },
    read(): CountedEvent {
      const atMs = Number(next());
      skip(1); // the sequence
      const workspaceId = next();
      skip(1); // the request's id
      const outcome = next();
      const credits = Number(next());
      const keyId = next() || undefined;
      const identityId = next() || undefined;
      const apiId = next() || undefined;
      const namespaceId = next() || undefined;
      skip(3); // the hash of an unknown key, the identifier, and why it was refused
      const tags = next();
      at = text.indexOf("\n", at) + 1;
      return {
        atMs,
        workspaceId,
        outcome,
        credits,
        keyId,
        identityId,
        apiId,
        namespaceId,
        tags: tags === "" ? [] : (JSON.parse(tags) as string[]),
      };
    },
  };
}

/** Copies a slice of a text. Unlike the slice, the copy does not keep the whole text in memory. */
export function ownCopy(part: string): string {
  return Buffer.from(part).toString();
}

/** Parses a line of `lineOf`, without the newline at its end. */
export function eventOf(line: string): RecordedEvent {
  const [atMs, sequence, workspaceId = "", requestId = "", outcome = "", credits, ...more] = line.split("\t");
  const [keyId, identityId, apiId, namespaceId, keyHash, identifier = "", why = "", tags = "", request] =
    more;
  return {
    atMs: Number(atMs),
    sequence: Number(sequence),
    workspaceId,
    requestId,
    outcome,
    credits: Number(credits),
    keyId: keyId || undefined,
    identityId: identityId || undefined,
    apiId: apiId || undefined,
    namespaceId: namespaceId || undefined,
    keyHash: keyHash || undefined,
    identifier: identifier === "" ? undefined : (JSON.parse(identifier) as string),
    why: why === "" ? undefined : (JSON.parse(why) as Why),
    tags: tags === "" ? [] : (JSON.parse(tags) as string[]),
    request, // undefined if an older version of the server recorded the event
  };
}
