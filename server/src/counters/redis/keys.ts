import type { Window } from "../../domain/windows.ts";
import { counterKey } from "../counters.ts";

// A cluster places keys by the part in braces. All keys of a workspace are on one node, so one script can use several.

export function counterKeyIn(window: Window): string {
  return redisKey(window.workspaceId, counterKey(window));
}

function redisKey(workspaceId: string, key: string): string {
  // UTF-8, in which keys are sent, cannot tell one lone surrogate from another
  const sent = key.isWellFormed() ? `c:${key}` : `u:${Buffer.from(key, "utf16le").toString("base64")}`;
  return `latchkey:{${workspaceId}}${sent}`;
}

/** The key that holds how much of an admission has arrived. */
export function addedKey({ workspaceId }: Window, processId: string, number: number): string {
  return `latchkey:{${workspaceId}}a:${processId}:${number}`;
}

/** The counter's key in Redis. `key`: as `counterKey` returns it. Undefined if it is not such a key. */
export function redisKeyOf(key: string): string | undefined {
  const [start = "", , , length = ""] = /^([a-z]+)\/(\d+)\/(\d+)\//.exec(key) ?? [];
  return start === "" ? undefined : redisKey(key.slice(start.length, start.length + Number(length)), key);
}

/** What `counterKey` returned for the counter, and its duration. Undefined if the key in Redis is not a counter's. */
export function counterOf(inRedis: string): { key: string; durationMs: number } | undefined {
  const [, form, sent = ""] = /^latchkey:\{[^}]*\}([cu]):(.*)$/s.exec(inRedis) ?? [];
  if (form === undefined) return undefined;
  const key = form === "c" ? sent : Buffer.from(sent, "base64").toString("utf16le");
  const [, durationMs] = /^[a-z]+\/(\d+)\//.exec(key) ?? [];
  return durationMs === undefined ? undefined : { key, durationMs: Number(durationMs) };
}
