import { counterKey, type Window } from "./counters.ts";

// `{…}` is what a cluster places keys by: all of a workspace lie together, so one call can take several counters.

export function counterKeyIn(window: Window): string {
  const key = counterKey(window);
  // in UTF-8, as Redis gets it, all lone surrogates are the same
  const sent = key.isWellFormed() ? `c:${key}` : `u:${Buffer.from(key, "utf16le").toString("base64")}`;
  return `latchkey:{${window.workspaceId}}${sent}`;
}

/** Where it stands how much of an admission has arrived. */
export function addedKey({ workspaceId }: Window, processId: string, number: number): string {
  return `latchkey:{${workspaceId}}a:${processId}:${number}`;
}
