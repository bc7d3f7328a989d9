/**
 * `bun bench/lists.ts [<folder>]`: how long every list, `listEvents` and `getTop` take in a workspace with a million keys and
 * ten million events of the last day, on SQLite, and what ten pollers cost verifications. The data is made in the folder
 * (2.1 GB), or taken from it if it is there.
 */
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeCursor } from "../server/src/domain/cursor.ts";
import { positionAfter } from "../server/src/domain/eventId.ts";
import { type Node, newRootKey, startNode } from "../server/test/nodes/node.ts";
import { fillUsage } from "./largeUsage.ts";
import { fillRecords } from "./largeWorkspace.ts";

const rounds = 100;
/** a call that is slow is repeated less often */
const longestMs = 4_000;
const msPerTick = 10;
type Case = { operation: string; body: object };

const [given] = process.argv.slice(2);
const folder = given ?? mkdtempSync(join(tmpdir(), "latchkey-lists-"));
mkdirSync(folder, { recursive: true });
const path = join(folder, "latchkey.db");
const rootKey = await filled();
const databaseUrl = `file:${path}`;
const node = await startNode({ databaseUrl, rootKey, environment: { USAGE_MAX_BYTES: String(2 ** 36) } });
try {
  console.log("| call | p50, ms | p99, ms | processor time of the process, ms |\n|---|---|---|---|");
  for (const one of cases()) await measure(one);
  await measurePollers();
} finally {
  await node.kill();
  if (given === undefined) rmSync(folder, { recursive: true, force: true });
}

/** Returns the root key of the database in the folder. */
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
  await call(node, one); // so that its statements are compiled
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

/** Each list from its start, from deep in it, with each filter and in each order. */
function cases(): Case[] {
  const database = new Database(path, { readonly: true });
  const usage = new Database(`${path}-usage`, { readonly: true });
  const idOf = (table: string, part: number) => {
    const sql = `select "id" from "${table}" order by "id" limit 1 offset (select cast(count(*) * ${part} as int) from "${table}")`;
    return database.query<{ id: string }, []>(sql).get()?.id ?? "";
  };
  const deep = (table: string) => ({ cursor: encodeCursor(idOf(table, 0.9)) });
  const used = usage
    .query<{ keyId: string; atMs: number }, []>(
      `select "keyId", "atMs" from "lastUses" order by "atMs", "keyId" limit 1 offset 100000`,
    )
    .get();
  const expiring = database
    .query<{ id: string; at: number }, []>(
      `select "id", "expiresAtMs" as "at" from "keys" where "expiresAtMs" is not null order by 2 limit 1 offset 200000`,
    )
    .get();
  const endMs =
    usage.query<{ at: number }, []>(`select max("endMs") as "at" from "usageBlocks"`).get()?.at ?? 0;
  const [apiId, keyId] = [idOf("apis", 0.5), idOf("keys", 0.001)];
  const namespace = "namespace 0";
  const list = (operation: string, ...bodies: object[]) => bodies.map((body) => ({ operation, body }));
  const listed = (operation: string, table: string, search: string) =>
    list(operation, {}, deep(table), { search }, { search: "none of them" });
  const keys = [
    {},
    deep("keys"),
    { order: "desc" },
    { apiId },
    { identity: "user_50000" },
    { search: "key 9" },
  ];
  const rare = [{ enabled: false }, { search: "rare" }, { role: "role 1" }, { permission: "file1.read" }];
  const ordered = [
    { orderBy: "lastUsed" },
    { orderBy: "lastUsed", order: "desc" },
    { orderBy: "lastUsed", cursor: cursorOf("lastUsed", used?.keyId, used?.atMs) },
    { orderBy: "expires" },
    { orderBy: "expires", order: "desc" },
    { orderBy: "expires", cursor: cursorOf("expires", expiring?.id, expiring?.at) },
  ];
  const more = [
    { role: "role 0" },
    { permission: "file0.read" },
    { expiresBefore: endMs + 10 ** 9 },
    { unusedSince: endMs },
  ];
  const dayMs = 86_400_000;
  const day = { start: endMs - dayMs, end: endMs };
  const events = [
    {},
    { cursor: encodeCursor(positionAfter(endMs - dayMs / 2)) },
    { kind: "ratelimit" },
    { keyId },
  ];
  const filtered = [
    { identity: "user_5" },
    { apiId },
    { namespace },
    { identifier: "user_7" },
    { tag: "path=/v1/files/4" },
  ];
  const seldom = [
    { outcome: "RATE_LIMITED" },
    { outcome: "DISABLED" },
    { requestId: "req_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
  ];
  const tops = ["identities", "keys", "tags", "identifiers"].map((of) => ({ of, ...day }));
  const all = [
    ...listed("apis.listApis", "apis", "api 1"),
    ...list("apis.listKeys", { apiId }, { apiId, ...deep("keys") }),
    ...list("keys.listKeys", ...keys, ...rare, ...ordered, ...more),
    ...listed("identities.listIdentities", "identities", "user_9"),
    ...listed("permissions.listPermissions", "permissions", "file9"),
    ...listed("permissions.listRoles", "roles", "role 9"),
    ...listed("ratelimit.listNamespaces", "namespaces", "namespace 9"),
    ...list("ratelimit.listOverrides", { namespace }, { namespace, ...deep("overrides") }),
    ...list("rootKeys.listKeys", {}, deep("rootKeys")),
    ...list(
      "audit.listEvents",
      {},
      { order: "desc" },
      deep("auditEvents"),
      { event: "api.create" },
      { targetId: keyId },
    ),
    ...list("analytics.listEvents", ...events, ...filtered, ...seldom),
    ...list("analytics.getTop", ...tops, { of: "identities", outcome: "RATE_LIMITED", ...day }),
  ];
  database.close();
  usage.close();
  return all;
}

function cursorOf(by: string, id = "", value = 0): string {
  return encodeCursor({ id, by, value });
}

/** Verifications one after the other, in turns with and without ten pollers that read the latest events once a second. */
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

/** Processor time of all threads of the process so far. */
function processMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * msPerTick, 0);
}
