import type { UsageEvent, Why } from "../domain/usage.ts";

/** An event as it was recorded: the `order`th of its process. */
export type RecordedEvent = UsageEvent & { order: number };

/**
 * One event as a line of text, in which it goes to the usage thread and is stored: building it takes a third of the time
 * of JSON.stringify. Ids and outcomes contain no tabs; texts that callers choose are in JSON, which escapes them.
 */
export function lineOf(event: UsageEvent, order: number): string {
  const { keyId = "", keyHash = "", identityId = "", apiId = "", namespaceId = "", request = "" } = event;
  const identifier = event.identifier === undefined ? "" : JSON.stringify(event.identifier);
  const why = event.why === undefined ? "" : JSON.stringify(event.why);
  const tags = event.tags.length === 0 ? "" : JSON.stringify(event.tags);
  return `${event.atMs}\t${order}\t${event.workspaceId}\t${event.requestId}\t${event.outcome}\t${event.credits}\t${keyId}\t${identityId}\t${apiId}\t${namespaceId}\t${keyHash}\t${identifier}\t${why}\t${tags}\t${request}\n`;
}

/** `line`: without its end. */
export function eventOf(line: string): RecordedEvent {
  const [atMs, order, workspaceId = "", requestId = "", outcome = "", credits, ...more] = line.split("\t");
  const [keyId, identityId, apiId, namespaceId, keyHash, identifier = "", why = "", tags = "", request] =
    more;
  return {
    atMs: Number(atMs),
    order: Number(order),
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
    request, // undefined if an older version recorded the event
  };
}
