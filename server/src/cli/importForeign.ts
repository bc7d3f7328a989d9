import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import { betterAuthTables, readBetterAuth } from "../moving/foreign/betterAuth.ts";
import { readCsv } from "../moving/foreign/csv.ts";
import { entriesOf } from "../moving/foreign/entriesOf.ts";
import type { Reading } from "../moving/foreign/foreignRecords.ts";
import { readLiteLlm } from "../moving/foreign/liteLlm.ts";
import { dumpText } from "../moving/foreign/mysqlDump/dumpText.ts";
import { stageDump, type WantedTable } from "../moving/foreign/mysqlDump/stageDump.ts";
import { chooseWorkspace, readUnkeyDump } from "../moving/foreign/unkeyDump.ts";
import { unkeyTables } from "../moving/foreign/unkeyTables.ts";
import type { DocumentRecord } from "../moving/format.ts";
import { DocumentError, type Entry } from "../moving/parseRecord.ts";
import type { ForeignDatabase, ScratchDatabase } from "../storage/foreignDatabase.ts";
import { UsageError } from "./commandError.ts";
import { progress } from "./progress.ts";

/** The products whose keys can be imported, and what to write as `<file>` for each product. */
const sources = {
  "unkey-dump": "a file that mysqldump wrote",
  "better-auth": "a SQLite file, a postgres:// address or a file that mysqldump wrote",
  litellm: "a postgres:// address",
  csv: "a file",
} as const;

export type Product = keyof typeof sources;

/** Errors: `UsageError` for an unknown product. */
export function productOf(text: string | undefined): Product | undefined {
  if (text === undefined || Object.hasOwn(sources, text)) return text as Product | undefined;
  throw new UsageError(
    `--from ${JSON.stringify(text)} is not one of ${Object.keys(sources).join(", ")}. To import from another system, write a CSV file with the hash of each key, and use --from csv.`,
  );
}

type Place = { file: string; api: string | undefined; fromWorkspace: string | undefined };

/** Errors: `UsageError` for flags that cannot be used with the product. */
export function checkForeign(from: Product | undefined, { file, api, fromWorkspace }: Place): void {
  if (from === undefined && api !== undefined) throw new UsageError("--api needs --from.");
  if (from !== "unkey-dump" && fromWorkspace !== undefined) {
    throw new UsageError("--from-workspace needs --from unkey-dump.");
  }
  if (from === undefined) return;
  if (from === "unkey-dump" && api !== undefined) {
    throw new UsageError(
      "--api cannot be used with --from unkey-dump, which imports the apis too: the keys stay in their apis.",
    );
  }
  if (file === "-") throw new UsageError(`--from ${from} needs ${sources[from]}.`);
  if (/^(mysql|mariadb):/.test(file)) {
    throw new UsageError(
      `--from ${from} does not connect to MySQL. Write a dump, and import the file: mysqldump --single-transaction --default-character-set=utf8mb4 <database> > dump.sql`,
    );
  }
}

export type Openers = {
  openForeign(place: string): Promise<ForeignDatabase>;
  openScratch(): ScratchDatabase;
};

type ForeignKeys = { entries: AsyncGenerator<Entry>; close(): Promise<void> };

/**
 * Opens the keys of another product in its database, a dump of its database, or a CSV file. A dump is first loaded
 * into a temporary database. The caller must call `close` after reading. Errors: `StorageError` if the database cannot
 * be opened, `DocumentError` if a dump or a file cannot be read.
 */
export async function openForeignKeys(
  product: Product,
  { file, api, fromWorkspace, workspaceId }: Place & Pick<Reading, "workspaceId">,
  open: Openers,
): Promise<ForeignKeys> {
  const note = (sentence: string) => void process.stderr.write(`${sentence}\n`);
  const reading: Reading = { apiId: api, workspaceId, nowMs: Date.now(), note };
  const from = (records: AsyncIterable<DocumentRecord>, close = async () => {}) => ({
    entries: entriesOf(records, note),
    close,
  });
  if (product === "csv") {
    checkReadableTwice(file);
    return from(readCsv(() => createReadStream(file), reading));
  }
  if (product === "unkey-dump") {
    const scratch = await staged(file, unkeyTables, open);
    await chooseWorkspace(scratch, fromWorkspace);
    return from(readUnkeyDump(scratch, reading), scratch.close);
  }
  const isDump = product === "better-auth" && isText(file);
  const database = isDump ? await staged(file, betterAuthTables, open) : await open.openForeign(file);
  const read = product === "litellm" ? readLiteLlm : readBetterAuth;
  return from(read(database, reading), database.close);
}

async function staged(
  file: string,
  tables: readonly WantedTable[],
  { openScratch }: Openers,
): Promise<ScratchDatabase> {
  const scratch = openScratch();
  const shown = progress();
  try {
    await stageDump(dumpText(shownChunks(file, shown)), tables, scratch);
    return scratch;
  } catch (error) {
    await scratch.close();
    throw error;
  } finally {
    shown.end();
  }
}

async function* shownChunks(file: string, shown: ReturnType<typeof progress>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    bytes += chunk.length;
    shown.show(() => `read ${Math.floor(bytes / 1_000_000).toLocaleString("en")} MB`);
    yield chunk;
  }
}

/** Errors: `DocumentError` if `file` is not a regular file. A pipe, for example, can be read only once. */
function checkReadableTwice(file: string): void {
  if (statSync(file).isFile()) return;
  throw new DocumentError(
    `${file} is not a regular file. It is read twice, so it must not be a pipe or a folder. Write the keys into a file, and import that file.`,
  );
}

/** Whether `place` is the path of a text file, not the URL of a database or the path of a SQLite file. */
function isText(place: string): boolean {
  if (/^(postgres(ql)?|file):/.test(place)) return false;
  checkReadableTwice(place);
  const head = Buffer.alloc(16);
  const file = openSync(place, "r");
  readSync(file, head);
  closeSync(file);
  return head.toString("latin1") !== "SQLite format 3\0";
}
