import { exportDocument } from "../src/moving/exportDocument.ts";
import { type ImportOptions, importRecords, type Report } from "../src/moving/importRecords.ts";
import { readDocument } from "../src/moving/readDocument.ts";
import { openUsageDatabase } from "../src/storage/engines/usage.ts";
import { databaseAt } from "./databaseAt.ts";
import { engines, type TestServer } from "./harness.ts";

/** Settings for both servers of a move: they need the same key for the encryption of recoverable keys. */
export const config = { RECOVERY_KEY: Buffer.alloc(32, 7).toString("base64") };

/** Exports this workspace, and returns the lines of the document. */
export async function exported(
  { services }: TestServer,
  workspaceId: string,
  parts = { rootKeys: false, audit: false },
): Promise<string[]> {
  const lines: string[] = [];
  const source = {
    db: services.engine.db,
    usage: undefined,
    workspace: { id: workspaceId, name: "default", timeZone: "UTC" },
    recoveryKey: "0123456789abcdef",
    nowMs: 1,
    warn: (sentence: string) => void lines.push(sentence),
  };
  for await (const line of exportDocument({ ...source, ...parts })) lines.push(line);
  return lines;
}

async function* chunksOf(lines: readonly string[]): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${lines.join("\n")}\n`);
}

/** Imports a document into this workspace, as the command does. */
export async function imported(
  server: TestServer,
  workspaceId: string,
  lines: readonly string[],
  options: Partial<ImportOptions> = {},
): Promise<Report> {
  const { services, databaseUrl } = server;
  const { entries } = await readDocument(chunksOf(lines));
  const usage = await openUsageDatabase(databaseAt(databaseUrl));
  const target = {
    engine: services.engine,
    workspaceId,
    usage,
    newId: services.newId,
    now: services.now,
    actorId: "latchkey import",
  };
  const rules = { dryRun: false, replace: false, rootKeys: false, reseal: (sealed: string) => sealed };
  try {
    return await importRecords(target, entries, { ...rules, ...options });
  } finally {
    await usage.close();
    services.caches.clear(); // as a server does when a command has changed its database
  }
}

/** Returns how many records, of all types together, had each outcome. */
export function total(report: Report): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of Object.values(report.counts)) {
    for (const [kind, count] of Object.entries(counts)) {
      if (count > 0) sums[kind] = (sums[kind] ?? 0) + count;
    }
  }
  return sums;
}

/**
 * The engines whose database outlives its last connection. An import needs this, because it opens the database once
 * more.
 */
export const persistentEngines = engines.filter(({ name }) => name !== "sqlite in memory");
