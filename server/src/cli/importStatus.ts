import type { Engine } from "../storage/engine.ts";
import type { PlainSql } from "../storage/engines/usage.ts";
import { countImportedKeys, type ImportedKey, listImportedKeys } from "../storage/queries/keys/waiting.ts";
import { type DifferenceExample, listDifferences } from "../storage/queries/upstreamDifferences.ts";
import { queryLastUses } from "../usage/countReader.ts";
import { UsageError } from "./commandError.ts";
import { parseOnlyFlags } from "./flags.ts";

export type StatusOptions = { workspace: string | undefined; notSeenDays: number | undefined };

/** Parses the flags. Errors: `UsageError` if they are wrong. */
export function statusFlags(words: readonly string[]): StatusOptions {
  const { flags } = parseOnlyFlags(words, { values: ["workspace", "not-seen-days"] });
  const days = flags["not-seen-days"];
  if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days)) {
    throw new UsageError("--not-seen-days must be a whole number of days from 1 to 99999.");
  }
  return { workspace: flags["workspace"], notSeenDays: days === undefined ? undefined : Number(days) };
}

type StatusSource = { engine: Engine; usage: PlainSql; workspaceId: string; nowMs: number };

/**
 * `latchkey import status`: prints for how many imported keys the server has learned the SHA-256, and how often the
 * upstream decided differently than this server. With `--not-seen-days`, instead prints as CSV the imported keys that
 * were not verified in that many days.
 */
export async function importStatus(
  { engine, usage, workspaceId, nowMs }: StatusSource,
  { notSeenDays }: StatusOptions,
  print: (line: string) => void,
): Promise<void> {
  if (notSeenDays === undefined) return printStatus(engine, workspaceId, print);
  const sinceMs = nowMs - notSeenDays * 86_400_000;
  print("keyId,apiId,externalId,name,start,state,lastVerifiedAt");
  for await (const keys of importedKeys(engine, workspaceId)) {
    const uses = await queryLastUses(
      usage,
      workspaceId,
      keys.map(({ id }) => id),
    );
    const lastUse = new Map(uses.map(({ keyId, atMs }) => [keyId, atMs]));
    for (const key of keys) {
      const atMs = lastUse.get(key.id);
      if (atMs === undefined || atMs < sinceMs) print(csvLine(key, atMs));
    }
  }
}

async function printStatus(engine: Engine, workspaceId: string, print: (line: string) => void) {
  const { learned, waiting, withoutStart, underOldHash } = await countImportedKeys(engine.slow, workspaceId);
  print(`Keys that were imported into ${workspaceId} without a SHA-256:`);
  print(`  learned  ${learned}`);
  print(`  waiting  ${waiting}`);
  if (withoutStart > 0)
    print(
      `    of which ${withoutStart} have no first characters stored, so that only shadow mode can learn them`,
    );
  for (const [scheme, count] of Object.entries(underOldHash))
    print(`  waiting with another hash, ${scheme}  ${count}`);
  const differences = await listDifferences(engine.slow, workspaceId);
  print(differences.length === 0 ? "Differences: none" : "Differences:");
  for (const { kind, count, examples } of differences) {
    print(`  ${kind}  ${count}`);
    for (const example of examples) print(`    ${exampleText(example)}`);
  }
}

function exampleText({ atMs, requestId, keyId, own, upstream }: DifferenceExample): string {
  const values = own === upstream ? "" : `: here ${own ?? "nothing"}, upstream ${upstream ?? "nothing"}`;
  return `${new Date(atMs).toISOString()} ${keyId ?? "unknown key"}${values} (${requestId})`;
}

const pageSize = 500;

async function* importedKeys(engine: Engine, workspaceId: string): AsyncGenerator<ImportedKey[]> {
  let afterId = "";
  for (;;) {
    const keys = await listImportedKeys(engine.slow, workspaceId, { afterId, limit: pageSize });
    if (keys.length > 0) yield keys;
    if (keys.length < pageSize) return;
    afterId = keys.at(-1)?.id ?? "";
  }
}

function csvLine(key: ImportedKey, atMs: number | undefined): string {
  const { id, apiId, externalId, name, start, learnedAtMs } = key;
  const state = learnedAtMs === null ? "waiting" : "learned";
  const lastVerifiedAt = atMs === undefined ? "" : new Date(atMs).toISOString();
  return [id, apiId, externalId ?? "", name ?? "", start, state, lastVerifiedAt].map(cell).join(",");
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
