/**
 * `bun bench/lists.ts [<folder>]`: measures how long every list operation, `listEvents` and `getTop` take on SQLite, in
 * a workspace with a million keys and ten million events of the last day. Also measures how much ten clients that poll
 * events slow down verifications. It creates the database (2.1 GB) in the folder, or uses the database that an earlier
 * run created there.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Node, newRootKey, startNode } from "../server/test/nodes/node.ts";
import { fillUsage } from "./largeUsage.ts";
import { fillRecords } from "./largeWorkspace.ts";
import { type Case, casesOf } from "./listCases.ts";

const rounds = 100;
/** A call is repeated `rounds` times, but not longer than this. A slow call is therefore repeated less often. */
const longestMs = 4_000;
const msPerTick = 10;

const [given] = process.argv.slice(2);
const folder = given ?? mkdtempSync(join(tmpdir(), "latchkey-lists-"));
mkdirSync(folder, { recursive: true });
const path = join(folder, "latchkey.db");
const rootKey = await filled();
const databaseUrl = `file:${path}`;
const node = await startNode({ databaseUrl, rootKey, environment: { USAGE_MAX_BYTES: String(2 ** 36) } });
try {
  console.log("| call | p50, ms | p99, ms | processor time of the process, ms |\n|---|---|---|---|");
  for (const one of casesOf(path)) await measure(one);
  await measurePollers();
} finally {
  await node.kill();
  if (given === undefined) rmSync(folder, { recursive: true, force: true });
}

/** Creates the database in the folder if it is missing, and returns its root key. */
async function filled(): Promise<string> {
  const file = join(folder, "root-key");
  if (existsSync(file)) return readFileSync(file, "utf8");
  const made = newRootKey();
  const first = await startNode({ databaseUrl: `file:${path}`, rootKey: made });
  first.signal("SIGINT");
  await first.ended;
  const nowMs = Date.now();
  fillRecords(path, nowMs);
  await fillUsage(path, nowMs);
  writeFileSync(file, made);
  return made;
}

async function call(to: Node, { operation, body }: Case) {
  const reply = await to.call(operation, body);
  if (reply.status !== 200) throw new Error(`${operation} returned ${reply.status}: ${reply.text}`);
  return reply.body;
}

async function measure(one: Case): Promise<void> {
  await call(node, one); // the first call compiles the SQL statements, so it is not measured
  const times: number[] = [];
  const before = processMs(node.pid);
  const endMs = performance.now() + longestMs;
  while (times.length < rounds && performance.now() < endMs) {
    const startMs = performance.now();
    await call(node, one);
    times.push(performance.now() - startMs);
  }
  const spent = (processMs(node.pid) - before) / times.length;
  const { p50, p99 } = percentiles(times);
  console.log(`| ${one.operation} ${JSON.stringify(one.body)} | ${p50} | ${p99} | ${spent.toFixed(1)} |`);
}

function percentiles(times: readonly number[]) {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (part: number) => (sorted[Math.ceil(sorted.length * part) - 1] ?? 0).toFixed(1);
  return { p50: at(0.5), p99: at(0.99) };
}

/** Measures verifications alternately with and without ten clients that read the latest events once a second. */
async function measurePollers(): Promise<void> {
  const { apiId } = (await call(node, { operation: "apis.createApi", body: { name: "polled" } })).data;
  const { key } = (await call(node, { operation: "keys.createKey", body: { apiId } })).data;
  const verify = { operation: "keys.verifyKey", body: { key } };
  const times: Record<"alone" | "beside", number[]> = { alone: [], beside: [] };
  for (let turn = 0; turn < 12; turn += 1) {
    const side = turn % 2 === 0 ? "alone" : "beside";
    const events = { operation: "analytics.listEvents", body: { limit: 100 } };
    const timers =
      side === "alone"
        ? []
        : Array.from({ length: 10 }, () => setInterval(() => void call(node, events), 1_000));
    for (const endMs = performance.now() + 3_000; performance.now() < endMs; ) {
      const startMs = performance.now();
      await call(node, verify);
      times[side].push(performance.now() - startMs);
    }
    for (const timer of timers) clearInterval(timer);
  }
  for (const [side, all] of Object.entries(times)) {
    const { p50, p99 } = percentiles(all);
    console.log(`verify, ${side}: p50 ${p50} ms, p99 ${p99} ms, of ${all.length}`);
  }
}

/** The processor time of all threads of the process so far, in milliseconds. */
function processMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * msPerTick, 0);
}
