import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseAddress } from "../domain/databaseAddress.ts";
import { type BulkDatabase, openBulk } from "../storage/engines/bulk.ts";
import { createFolder, flush, flushFolder } from "../storage/folder.ts";
import { migrateStorage } from "../storage/open.ts";
import { CopyError, stillRunning } from "./copyError.ts";
import { claimMarker, findMarker, removeMarker } from "./marker.ts";
import { copiedTables, notCopied } from "./tables.ts";

type Claim = { id: string; other: string };

/**
 * Creates the tables and the marker of the target (see `marker.ts`), and removes the rows or files of an interrupted
 * copy. Returns the database to write to: a SQLite file is named `<path>.copying` until the copy is complete.
 * Errors: `CopyError` if the target is not empty, or if another copy is running.
 */
export async function prepareTarget(target: DatabaseAddress, claim: Claim): Promise<DatabaseAddress> {
  if (target.kind === "memory") {
    throw new CopyError("The target is a database in memory. Choose a SQLite file or a PostgreSQL database.");
  }
  const place = target.kind === "file" ? await freePlace(target.path) : target;
  if (place.kind === "postgres") await refuseOtherTables(place);
  await migrateStorage(place);
  const db = await openBulk(place);
  try {
    const before = await findMarker(db, "target");
    if (before === undefined) await refuseRows(db);
    if (!(await claimMarker(db, { role: "target", ...claim }))) throw await otherCopy(db);
    if (before !== undefined) await removeRows(db);
  } finally {
    await db.close();
  }
  return place;
}

async function otherCopy(db: BulkDatabase): Promise<CopyError> {
  const marker = await findMarker(db, "target");
  return marker === undefined
    ? new CopyError("Another copy to this target has just ended. Run this copy again.")
    : stillRunning("to this target", marker);
}

async function refuseOtherTables(place: DatabaseAddress): Promise<void> {
  const db = await openBulk(place);
  const all = await db.tables();
  await db.close();
  const others = all.filter((name) => !copiedTables.includes(name) && !Object.hasOwn(notCopied, name));
  if (others.length === 0) return;
  throw new CopyError(
    `The target has tables of another program: ${someOf(others)}. Create an empty database for Latchkey.`,
  );
}

/** Checks that the target has no rows. Errors: `CopyError` with the number of rows in some of the tables. */
async function refuseRows(db: BulkDatabase): Promise<void> {
  const found: string[] = [];
  for (const name of copiedTables) {
    const [row] = await db.rows<{ rows: number }>(`select count(*) as "rows" from "${name}"`);
    if (row !== undefined && row.rows > 0) found.push(`${row.rows} in ${name}`);
  }
  if (found.length === 0) return;
  throw new CopyError(
    `The target is not empty. It has these rows: ${someOf(found)}. Choose an empty database.`,
  );
}

/**
 * Deletes all rows of the target. Starts with the last table, because the rows of later tables refer to rows of earlier
 * tables.
 */
async function removeRows(db: BulkDatabase): Promise<void> {
  for (const name of copiedTables.toReversed()) await db.rows(`delete from "${name}"`);
}

const mostNamed = 6;

function someOf(names: readonly string[]): string {
  const more = names.length - mostNamed;
  return names.slice(0, mostNamed).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** The suffixes of a SQLite database's files: usage, counters and, last, the records. */
const suffixes = ["-usage", ".counters", ""];
/** The suffixes of the write-ahead logs and their indexes. */
const logSuffixes = ["-wal", "-shm", "-usage-wal", "-usage-shm"];

async function freePlace(path: string): Promise<DatabaseAddress> {
  const existing = [...suffixes, ...logSuffixes]
    .map((suffix) => path + suffix)
    .filter((file) => existsSync(file));
  if (existing.length > 0) {
    throw new CopyError(
      `The target must be a new file, and ${existing.join(", ")} exist${existing.length === 1 ? "s" : ""}. Choose another path.`,
    );
  }
  const place = { kind: "file", path: `${path}.copying` } as const;
  createFolder(dirname(path));
  await removeInterrupted(place);
  return place;
}

/** Removes the files of an interrupted copy. Errors: `CopyError` if the copy is still running. */
async function removeInterrupted(place: { kind: "file"; path: string }): Promise<void> {
  if (existsSync(place.path)) {
    const db = await openBulk(place);
    const tables = await db.tables();
    const marker = tables.includes("copies") ? await findMarker(db, "target") : undefined;
    await db.close();
    if (marker !== undefined && marker.leaseUntilMs > marker.nowMs)
      throw stillRunning("to this target", marker);
  }
  for (const suffix of [...suffixes, ...logSuffixes]) rmSync(place.path + suffix, { force: true });
}

/**
 * Completes a target that has all rows: removes the marker of the copy, closes `db`, and gives SQLite files their final
 * names. `db` must be the only open connection to the target.
 */
export async function finishTarget(
  db: BulkDatabase,
  { target, place }: { target: DatabaseAddress; place: DatabaseAddress },
): Promise<void> {
  if (db.engine === "postgres") {
    await db.rows(
      `select setval(pg_get_serial_sequence('"usageNames"', 'id'), (select coalesce(max("id"), 0) + 1 from "usageNames"), false)`,
    );
  }
  await removeMarker(db, "target");
  await db.close();
  if (target.kind === "file" && place.kind === "file") giveName(place.path, target.path);
}

function giveName(from: string, to: string): void {
  for (const suffix of logSuffixes) {
    if ((statSync(from + suffix, { throwIfNoEntry: false })?.size ?? 0) > 0 && suffix.endsWith("-wal")) {
      throw new CopyError(
        `The write-ahead log ${from}${suffix} could not be merged into the database. Run the copy again.`,
      );
    }
    rmSync(from + suffix, { force: true });
  }
  for (const suffix of suffixes) {
    if (!existsSync(from + suffix)) continue;
    flush(from + suffix);
    renameSync(from + suffix, to + suffix);
  }
  flushFolder(dirname(to));
}
