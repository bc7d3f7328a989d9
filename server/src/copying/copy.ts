import { randomUUID } from "node:crypto";
import { type DatabaseAddress, databaseUrl } from "../domain/databaseAddress.ts";
import { StorageError } from "../storage/engine.ts";
import { addressName, type BulkDatabase, openBulk } from "../storage/engines/bulk.ts";
import { migrateStorage } from "../storage/open.ts";
import { CopyError, leaseLost, stillRunning } from "./copyError.ts";
import { type Digest, tableDigest } from "./digest.ts";
import { type Lease, leaseOf } from "./lease.ts";
import { claimMarker, findMarker, keepReadOnly } from "./marker.ts";
import { acceptWrites, refuseWrites } from "./readOnly.ts";
import { copiedTables } from "./tables.ts";
import { finishTarget, prepareTarget } from "./target.ts";

export type CopyOptions = {
  source: DatabaseAddress;
  target: DatabaseAddress;
  /** Copies the rate limit counters, after the records. Returns a line for the report. */
  copyCounters(counterTarget: DatabaseAddress): Promise<string>;
  /** Whether the operator has asked to stop. */
  isStopRequested(): boolean;
  progress(sentence: string): void;
};

export type CopyReport = {
  tables: readonly (Digest & { name: string })[];
  counters: string;
  /** how long the source was read-only until the copy was complete; the source stays read-only afterwards */
  readOnlyMs: number;
};

/**
 * Copies everything from the source to an empty database. The source is read-only during and after the copy. If the
 * copy fails, the source accepts writes again. Errors: `CopyError`, `StorageError`.
 */
export async function copyEverything(options: CopyOptions): Promise<CopyReport> {
  const { source, target } = options;
  if (databaseUrl(source) === databaseUrl(target)) {
    throw new CopyError(
      "The target and the source are the same database. Choose an empty database as target.",
    );
  }
  await migrateStorage(source);
  const id = randomUUID();
  const place = await prepareTarget(target, { id, other: addressName(source) });
  const databases = await openAll(source, place);
  try {
    return await copyBetween(databases, { ...options, id, place });
  } finally {
    await Promise.all(Object.values(databases).map((database) => database.close().catch(() => undefined)));
  }
}

/**
 * The connections of a copy. `source` and `target` copy rows in transactions. Meanwhile, the `…Control` connections
 * read and write the databases' markers (see `marker.ts`).
 */
type Databases = Record<"source" | "sourceControl" | "target" | "targetControl", BulkDatabase>;

async function openAll(source: DatabaseAddress, place: DatabaseAddress): Promise<Databases> {
  return {
    source: await openBulk(source),
    sourceControl: await openBulk(source),
    target: await openBulk(place),
    targetControl: await openBulk(place),
  };
}

/** A running copy. Rows are written to `place`: the target or, for SQLite, a file that is renamed at the end. */
type Task = CopyOptions & { id: string; place: DatabaseAddress };

async function copyBetween(databases: Databases, task: Task): Promise<CopyReport> {
  const { sourceControl, targetControl } = databases;
  const { wasReadOnly, sinceMs } = await makeReadOnly(sourceControl, task);
  try {
    await refuseWrites(sourceControl);
    task.progress("The source is read-only. Copying.");
    const lease = leaseOf(task, [
      ...(wasReadOnly ? [] : [{ db: sourceControl, role: "source" as const }]),
      { db: targetControl, role: "target" },
    ]);
    const tables = await copyTables(databases, lease, task);
    await compareTables(databases.target, tables, lease);
    const counters = await task.copyCounters(task.place);
    await lease.renew();
    const claim = { id: task.id, other: addressName(task.target) };
    if (!(await keepReadOnly(sourceControl, claim))) throw leaseLost();
    const readOnlyMs = ((await findMarker(sourceControl, "source"))?.nowMs ?? sinceMs) - sinceMs;
    await Promise.all([databases.target.close(), databases.source.close(), sourceControl.close()]);
    await finishTarget(targetControl, task);
    return { tables, counters, readOnlyMs };
  } catch (error) {
    if (!wasReadOnly) await release(sourceControl, task.id);
    throw error;
  }
}

/**
 * Claims the source's marker (see `marker.ts`) for this copy. Returns whether an earlier copy has left the source
 * read-only, and the time at which the source became read-only.
 * Errors: `CopyError` if another copy from this source is running.
 */
async function makeReadOnly(
  source: BulkDatabase,
  { id, target }: Task,
): Promise<{ wasReadOnly: boolean; sinceMs: number }> {
  const claimed = await claimMarker(source, { role: "source", id, other: addressName(target) });
  const marker = await findMarker(source, "source");
  if (marker === undefined) throw leaseLost();
  if (!claimed && marker.state === "running") throw stillRunning("from this database", marker);
  return { wasReadOnly: !claimed, sinceMs: marker.startedAtMs };
}

/** Makes the source accept writes again, unless another copy has claimed the source's marker meanwhile. */
async function release(source: BulkDatabase, id: string): Promise<void> {
  try {
    if ((await findMarker(source, "source"))?.id === id) await acceptWrites(source);
  } catch {
    // The connection is lost, but the source accepts writes again when the copy's lease ends (see `lease.ts`).
  }
}

type CopiedTable = CopyReport["tables"][number];

async function copyTables({ source, target }: Databases, lease: Lease, task: Task): Promise<CopiedTable[]> {
  return source.snapshot(async () => {
    const copied: CopiedTable[] = [];
    for (const name of copiedTables) {
      const columns = await source.columnsOf(name);
      const digest = tableDigest();
      for await (const rows of source.read(name, columns)) {
        await lease.keep();
        digest.add(rows);
        await insertRows(target, name, columns, rows);
      }
      const table = { name, ...digest.value() };
      if (table.rows > 0) task.progress(`${name}: ${table.rows} rows`);
      copied.push(table);
    }
    return copied;
  });
}

async function insertRows(target: BulkDatabase, name: string, ...[columns, rows]: RowsOf): Promise<void> {
  try {
    await target.transaction(() => target.insert({ table: name, columns, end: "" }, rows));
  } catch (error) {
    throw new CopyError(`The target cannot store rows of the table ${name}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

type RowsOf = [
  columns: Awaited<ReturnType<BulkDatabase["columnsOf"]>>,
  rows: Parameters<BulkDatabase["insert"]>[1],
];

/**
 * Reads the tables of the target again and compares their digests with those of the copied rows. Errors: `CopyError` if
 * a table of the target differs from the source.
 */
async function compareTables(
  target: BulkDatabase,
  tables: readonly CopiedTable[],
  lease: Lease,
): Promise<void> {
  await target.snapshot(async () => {
    for (const { name, rows, sum } of tables) {
      const digest = tableDigest();
      for await (const batch of target.read(name, await target.columnsOf(name))) {
        await lease.keep();
        digest.add(batch);
      }
      const found = digest.value();
      if (found.rows === rows && found.sum === sum) continue;
      throw new CopyError(
        `The table ${name} differs after the copy: the source has ${rows} rows with the digest ${sum}, the target ${found.rows} rows with ${found.sum}. The target is not complete, so do not use it. Run the copy again.`,
      );
    }
  });
}

/**
 * Makes the source of a completed copy accept writes again. Returns for how many milliseconds the source was read-only,
 * or `undefined` if it was not. Errors: `CopyError` if a copy is running.
 */
export async function resumeSource(source: DatabaseAddress): Promise<number | undefined> {
  const db = await openBulk(source);
  try {
    const marker = await findMarker(db, "source");
    if (marker?.state === "running" && marker.leaseUntilMs > marker.nowMs) {
      throw stillRunning("from this database", marker);
    }
    await acceptWrites(db);
    return marker === undefined ? undefined : marker.nowMs - marker.startedAtMs;
  } catch (error) {
    if (error instanceof StorageError || error instanceof CopyError) throw error;
    throw new StorageError("unavailable", `The database cannot be used: ${(error as Error).message}.`, error);
  } finally {
    await db.close();
  }
}
