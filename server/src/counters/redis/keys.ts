import type { Window } from "../../domain/windows.ts";
import { counterKey } from "../counters.ts";

// A cluster chooses the node of a key by the part in braces. So all keys of a workspace are on one node, and a script can use several.

export function counterKeyIn(window: Window): string {
  return redisKey(window.workspaceId, counterKey(window));
}

function redisKey(workspaceId: string, key: string): string {
  // keys are sent in UTF-8, which cannot represent lone surrogates: it would make different keys equal
  const sent = key.isWellFormed() ? `c:${key}` : `u:${Buffer.from(key, "utf16le").toString("base64")}`;
  return `latchkey:{${workspaceId}}${sent}`;
}

/** Returns the Redis key that stores how much of an admission Redis has counted. */
export function addedKey({ workspaceId }: Window, processId: string, number: number): string {
  return `latchkey:{${workspaceId}}a:${processId}:${number}`;
}

/**
 * Returns the Redis key of a counter, given the `counterKey` of its window. Returns
 * `undefined` if `key` is something else.
 */
export function redisKeyOf(key: string): string | undefined {
  const [start = "", , , length = ""] = /^([a-z]+)\/(\d+)\/(\d+)\//.exec(key) ?? [];
  return start === "" ? undefined : redisKey(key.slice(start.length, start.length + Number(length)), key);
}

/**
 * The reverse of `redisKeyOf`: returns the `counterKey` and the duration. Returns `undefined` if the
 * Redis key is not that of a counter.
 */
export function counterOf(inRedis: string): { key: string; durationMs: number } | undefined {
  const [, form, sent = ""] = /^latchkey:\{[^}]*\}([cu]):(.*)$/s.exec(inRedis) ?? [];
  if (form === undefined) return undefined;
  const key = form === "c" ? sent : Buffer.from(sent, "base64").toString("utf16le");
  const [, durationMs] = /^[a-z]+\/(\d+)\//.exec(key) ?? [];
  return durationMs === undefined ? undefined : { key, durationMs: Number(durationMs) };
}
