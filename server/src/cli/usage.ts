import type { PlainSql } from "../storage/engines/usage.ts";
import { listAllHeads, readTexts } from "../usage/blocks.ts";
import { eventOf } from "../usage/lines.ts";
import { UsageError } from "./commandError.ts";
import { parseOnlyFlags } from "./flags.ts";

/**
 * `latchkey usage export`: prints the stored events, that is, verifications and rate limit decisions, as one line of
 * JSON each. The order is only roughly oldest first, because the events of a workspace are stored in blocks of a few
 * minutes each. Errors: `CommandError`.
 */
export async function exportUsage(sql: PlainSql, words: readonly string[]): Promise<void> {
  const { since } = parseOnlyFlags(words, { values: ["since"] }).flags;
  const sinceMs = since === undefined ? 0 : Date.parse(since);
  if (Number.isNaN(sinceMs))
    throw new UsageError("--since is not a valid time. Use an ISO time such as 2026-01-31.");
  for await (const { workspaceId, id } of listAllHeads(sql, sinceMs)) {
    const texts = await readTexts(sql, workspaceId, [id]);
    print(texts.get(id) ?? "", sinceMs);
  }
}

function print(text: string, sinceMs: number): void {
  for (const line of text.split("\n").slice(0, -1)) {
    const { sequence: _, keyHash: _hash, request: _request, ...event } = eventOf(line);
    if (event.atMs >= sinceMs) console.log(JSON.stringify(event));
  }
}
