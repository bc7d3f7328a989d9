/**
 * A Latchkey server for bench/profile.ts. It prints its address and root key, and then replies with one line of JSON to
 * each command on stdin: `cpu` starts the CPU sampler and `samples` stops it and returns its profile; `heap` returns
 * the bytes of the heap; `watch` starts to record SQL statements and `statements` stops that and returns them; `cold`
 * makes the server empty its cache of keys every millisecond; `stop` stops the server.
 */
import { heapStats } from "bun:jsc";
import { Session } from "node:inspector/promises";
import { createInterface } from "node:readline";
import { startServer } from "../server/src/compose.ts";
import { readConfig } from "../server/src/config/read.ts";
import { planOf } from "../server/test/plans.ts";
import { type Watched, watchStatements } from "../server/test/statements.ts";

/** A statement, how often it ran, and its plan. */
export type Statement = { sql: string; times: number; plan: string };

const samplingIntervalUs = 200;
const [databaseUrl = ""] = process.argv.slice(2);
let rootKey = "";
const config = readConfig({ PORT: "0", DATABASE_URL: databaseUrl, ALLOW_LOCAL_COUNTERS: "true" });
const server = await startServer(config, {
  nowMs: Date.now,
  monotonicMs: () => performance.now(),
  log: () => undefined,
  keepRootKey: (made) => {
    rootKey = made;
  },
});
const { engine, caches } = server.services;

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: samplingIntervalUs });

let watched: Watched[] | undefined;

/** Starts to record statements. Must be called only once, because a second call would record each statement twice. */
function watch(): void {
  watched = [];
  watchStatements(engine, (statement) => void watched?.push(statement));
}

async function statements(): Promise<Statement[]> {
  const seen = watched ?? [];
  watched = undefined;
  const distinct = new Map(seen.map((statement) => [statement.sql, statement]));
  const described: Statement[] = [];
  for (const [sql, statement] of distinct) {
    const plan = await planOf(engine, databaseUrl, statement);
    described.push({ sql, times: seen.filter((one) => one.sql === sql).length, plan });
  }
  return described;
}

const commands: Record<string, () => unknown> = {
  cpu: () => session.post("Profiler.start"),
  samples: async () => (await session.post("Profiler.stop")).profile,
  heap: () => heapStats().heapCapacity,
  watch,
  statements,
  cold: () => void setInterval(() => caches.keys.clear(), 1),
  stop: () => server.stop(),
};

console.log(JSON.stringify({ url: server.url, rootKey }));
for await (const line of createInterface(process.stdin)) {
  console.log(JSON.stringify((await commands[line]?.()) ?? null));
  if (line === "stop") process.exit(0);
}
