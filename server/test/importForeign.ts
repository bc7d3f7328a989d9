import { readCsv } from "../src/moving/foreign/csv.ts";
import { entriesOf } from "../src/moving/foreign/entriesOf.ts";
import type { Reading } from "../src/moving/foreign/foreignRecords.ts";
import type { DocumentRecord } from "../src/moving/format.ts";
import { importRecords, type Report } from "../src/moving/importRecords.ts";
import { openUsageDatabase } from "../src/storage/engines/usage.ts";
import { databaseAt } from "./databaseAt.ts";
import type { TestServer } from "./harness.ts";

/** The flags of an import. `apiId` is the value of `--api`. */
type Options = { apiId?: string | undefined; dryRun?: boolean; replace?: boolean };

/**
 * Imports the records that `read` makes from the data of another product, as `latchkey import` does. `notes` has a
 * sentence for each thing that is not carried over.
 */
export async function importForeign(
  server: TestServer,
  workspaceId: string,
  read: (reading: Reading) => AsyncIterable<DocumentRecord>,
  { apiId, dryRun = false, replace = false }: Options = {},
): Promise<Report & { notes: string[] }> {
  const notes: string[] = [];
  const note = (sentence: string) => void notes.push(sentence);
  const usage = await openUsageDatabase(databaseAt(":memory:"));
  const { engine, newId, now } = server.services;
  const target = { engine, workspaceId, usage, newId, now, actorId: "latchkey import" };
  const rules = { dryRun, replace, rootKeys: false, reseal: () => undefined };
  const reading = { apiId, workspaceId, nowMs: server.clock.nowMs, note };
  const report = await importRecords(target, entriesOf(read(reading), note), rules);
  await usage.close();
  return { ...report, notes };
}

type Into = Options & { server: TestServer; workspaceId: string };

/** Imports a CSV file with this text. The text arrives byte by byte. */
export function importCsv({ server, workspaceId, ...options }: Into, text: string) {
  const read = (reading: Reading) =>
    readCsv(async function* () {
      for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
    }, reading);
  return importForeign(server, workspaceId, read, options);
}

const countedIn = ({ counts }: Report, kind: "created" | "unchanged") =>
  Object.fromEntries(Object.entries(counts).map(([type, count]) => [type, count[kind]]));

/** Returns how many records an import has created, by type. */
export const createdIn = (report: Report) => countedIn(report, "created");
/** Returns how many records of an import exist with the same fields, by type. */
export const unchangedIn = (report: Report) => countedIn(report, "unchanged");
