import type { Window } from "../../domain/windows.ts";
import { counterKey } from "../counters.ts";

// A Redis cluster chooses the node of a key by the part in braces, here the workspace id. So all keys of a workspace
// are on the same node. A script can only use keys of one node.

/** Returns the Redis key of a window's counter. */
export function redisKeyOfWindow(window: Window): string {
  return redisKey(window.workspaceId, counterKey(window));
}

function redisKey(workspaceId: string, key: string): string {
  // Keys are sent in UTF-8, which cannot encode unpaired surrogates: all of them become the same character. So two keys
  // that differ only in an unpaired surrogate would become equal.
  const sent = key.isWellFormed() ? `c:${key}` : `u:${Buffer.from(key, "utf16le").toString("base64")}`;
  return `latchkey:{${workspaceId}}${sent}`;
}

/**
 * Returns the Redis key under which Redis stores how much of an admission it has counted. An admission is what this
 * process granted on one counter while Redis was unreachable. It is added to the counter later, only once.
 */
export function addedKey({ workspaceId }: Window, processId: string, number: number): string {
  return `latchkey:{${workspaceId}}a:${processId}:${number}`;
}

/**
 * Returns the Redis key of a counter. `key` is the `counterKey` of its window; for any other text, returns `undefined`.
 */
export function redisKeyOf(key: string): string | undefined {
  const [start = "", , , length = ""] = /^([a-z]+)\/(\d+)\/(\d+)\//.exec(key) ?? [];
  return start === "" ? undefined : redisKey(key.slice(start.length, start.length + Number(length)), key);
}

/**
 * The reverse of `redisKeyOf`: returns the `counterKey` of a counter in Redis, and its duration. Returns `undefined` if
 * `inRedis` is not the key of a counter.
 */
export function counterOf(inRedis: string): { key: string; durationMs: number } | undefined {
  const [, form, sent = ""] = /^latchkey:\{[^}]*\}([cu]):(.*)$/s.exec(inRedis) ?? [];
  if (form === undefined) return undefined;
  const key = form === "c" ? sent : Buffer.from(sent, "base64").toString("utf16le");
  const [, durationMs] = /^[a-z]+\/(\d+)\//.exec(key) ?? [];
  return durationMs === undefined ? undefined : { key, durationMs: Number(durationMs) };
}
