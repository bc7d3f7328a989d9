/** One background thread of the SQLite engine: makes commits durable, or reads slowly and checkpoints. */
import { Database } from "bun:sqlite";
import { fdatasyncSync, openSync } from "node:fs";
import type { Answered, Asked } from "../workerThread.ts";
import type { SqlValue } from "./dialects.ts";

export type Order =
  | { kind: "sync" }
  | { kind: "read"; sql: string; values: readonly SqlValue[] }
  | { kind: "checkpoint" };

export type WorkerStart = { path: string };

type Port = {
  postMessage(message: Answered): void;
  onmessage: ((event: { data: WorkerStart | Asked<Order> }) => void) | null;
};

const port = globalThis as unknown as Port;
let path = "";
let database: Database | undefined;
let walFile: number | undefined;

port.onmessage = ({ data }) => {
  if ("path" in data) {
    path = data.path;
    return;
  }
  try {
    port.postMessage({ id: data.id, rows: follow(data.order) });
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    port.postMessage({ id: data.id, rows: [], error: { message, code } });
  }
};

function follow(order: Order): unknown[] {
  switch (order.kind) {
    case "sync":
      walFile ??= openSync(`${path}-wal`, "r+");
      fdatasyncSync(walFile);
      return [];
    case "read":
      return connection()
        .query(order.sql)
        .all(...order.values);
    case "checkpoint":
      return connection().query("pragma wal_checkpoint(passive)").all();
  }
}

function connection(): Database {
  if (database === undefined) {
    database = new Database(path, { readwrite: true, create: false });
    database.run("pragma busy_timeout = 1000");
    database.run("pragma synchronous = full");
    database.run("pragma wal_autocheckpoint = 0");
    database.run("pragma cache_size = -65536");
  }
  return database;
}
