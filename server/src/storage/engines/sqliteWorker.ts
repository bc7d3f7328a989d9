/**
 * The script of the SQLite engine's three background threads. One flushes commits to disk, one copies the write-ahead
 * log back into the database file (a checkpoint), and one runs slow reads.
 */
import { Database } from "bun:sqlite";
import { fdatasyncSync, openSync, readlinkSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { basename } from "node:path";
import type { ReadSlowly, SlowRead } from "../slowReads.ts";
import { followOrders } from "../workerThread.ts";
import type { SqlValue } from "./dialects.ts";
import { allowReadsOnFullDisk } from "./sqliteFiles.ts";

export type Order =
  | { kind: "sync" }
  | { kind: "read"; sql: string; values: readonly SqlValue[] }
  | { kind: "run"; read: SlowRead }
  | { kind: "checkpoint" };

/** What a thread gets when it starts. `yields`: the thread has low priority, so it hardly slows down other threads. */
export type WorkerStart = { path: string; yields: boolean };

let database: Database | undefined;
let reader: ReadSlowly | undefined;
let walFile: number | undefined;

let isPrioritySet = false;

followOrders<WorkerStart, Order>(follow, isShort);

function follow(order: Order, { path, yields }: WorkerStart): unknown[] | Promise<unknown[]> {
  if (yields && !isPrioritySet) lowerPriority();
  isPrioritySet = true;
  switch (order.kind) {
    case "sync":
      walFile ??= openSync(`${path}-wal`, "r+");
      fdatasyncSync(walFile);
      return [];
    case "read":
      database ??= connect(path);
      return database.query(order.sql).all(...order.values);
    case "run":
      database ??= connect(path);
      return runRead(database, order.read);
    case "checkpoint":
      database ??= connect(path);
      return database.query("pragma wal_checkpoint(passive)").all();
  }
}

/** A page of a list is read within tenths of a millisecond, unless it needs a search or a long list of ids. */
function isShort(order: Order): boolean {
  if (order.kind !== "run") return false;
  const { search, onlyIds } = order.read.args.filter;
  return search === undefined && onlyIds === undefined;
}

/** Runs a slow read in one transaction, so that all its statements see the database in the state of one moment. */
async function runRead(connection: Database, { name, args }: SlowRead): Promise<unknown[]> {
  reader ??= await readerOn(connection);
  connection.query("begin").run();
  try {
    return [await reader(name, args)];
  } finally {
    if (connection.inTransaction) connection.query("commit").run();
  }
}

/** Loads Kysely and the queries with the first slow read, because the threads that flush or copy do not need them. */
async function readerOn(connection: Database): Promise<ReadSlowly> {
  const [{ slowReader }, { sqliteDb }] = await Promise.all([
    import("../slowReads.ts"),
    import("./dialects.ts"),
  ]);
  return slowReader(sqliteDb((sql, values) => connection.query(sql).all(...values)));
}

/**
 * Lowers the priority of this thread on Linux. Other systems have no priority for single threads.
 */
function lowerPriority(): void {
  if (process.platform !== "linux") return;
  try {
    const threadId = Number(basename(readlinkSync("/proc/thread-self")));
    setPriority(threadId, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // without /proc, the priority cannot be set, so slow reads compete with the other threads
  }
}

function connect(path: string): Database {
  const connection = new Database(path, { readwrite: true, create: false });
  allowReadsOnFullDisk(connection);
  connection.run("pragma busy_timeout = 1000");
  connection.run("pragma synchronous = full");
  connection.run("pragma wal_autocheckpoint = 0");
  connection.run("pragma cache_size = -65536");
  return connection;
}
