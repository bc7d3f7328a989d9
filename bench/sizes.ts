/**
 * `bun bench/sizes.ts`: measures the figures of docs/operating/sizing.md: bytes per record on disk, per cached key and
 * per counter, and the processor time of one verification in the server, PostgreSQL and Redis. Takes about a minute.
 * Set USAGE_EVENT_HOURS=0 to measure without usage events, when only usage counts are stored.
 */

import { Database } from "bun:sqlite";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisClient, SQL } from "bun";
import { type Node, newRootKey, startNode } from "../server/test/nodes/node.ts";
import { startServices } from "../server/test/services.ts";

const identities = 10_000;
const verifications = 60_000;
const sockets = 64;
const msPerTick = 10;

type Side = {
  name: string;
  node: Node;
  diskBytes(): Promise<number>;
  usageBytes(): Promise<number>;
  /** where the rate limit counters are, and their total size */
  counters: { where: string; bytes(): Promise<number> };
};

const { TEST_DATABASE_URL: _, TEST_REDIS_URL: __, ...environment } = process.env;
const common = { ALLOW_LOCAL_COUNTERS: "", USAGE_EVENT_HOURS: environment["USAGE_EVENT_HOURS"] ?? "" };
const services = await startServices("postgres redis", environment);
const folder = mkdtempSync(join(tmpdir(), "latchkey-sizes-"));
try {
  await measure(await onSqlite());
  await measure(await onPostgres());
} finally {
  rmSync(folder, { recursive: true, force: true });
  await services.stop();
}

async function onSqlite(): Promise<Side> {
  const path = join(folder, "latchkey.db");
  const node = await startNode({
    databaseUrl: `file:${path}`,
    rootKey: newRootKey(),
    environment: common,
  });
  const pagesOf = async (name: string) => {
    if (!existsSync(name)) return 0; // the server creates the usage file when it first stores usage
    const database = new Database(name, { readwrite: true, create: false });
    const [row] = database
      .query("select page_count * page_size as bytes from pragma_page_count, pragma_page_size")
      .all();
    database.close();
    return Number((row as { bytes: number }).bytes);
  };
  return {
    name: "SQLite",
    node,
    diskBytes: () => pagesOf(path),
    usageBytes: () => pagesOf(`${path}-usage`),
    counters: { where: "the node's memory", bytes: () => node.metric("latchkey_counter_memory_bytes") },
  };
}

async function onPostgres(): Promise<Side> {
  const databaseUrl = services.environment["TEST_DATABASE_URL"] ?? "";
  const node = await startNode({
    databaseUrl,
    rootKey: newRootKey(),
    environment: { ...common, REDIS_URL: services.environment["TEST_REDIS_URL"] ?? "" },
  });
  const sql = new SQL(databaseUrl, { max: 1 });
  const tables = async (which: "" | "not") => {
    const [row] = await sql.unsafe(
      `select coalesce(sum(pg_total_relation_size(oid)), 0)::float8 as "bytes" from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace and ${which} (relname like 'usage%' or relname = 'lastUses')`,
    );
    return Number(row.bytes);
  };
  return {
    name: "PostgreSQL and Redis",
    node,
    diskBytes: () => tables("not"),
    usageBytes: () => tables(""),
    counters: { where: "Redis", bytes: redisBytes },
  };
}

async function measure({ name, node, diskBytes, usageBytes, counters }: Side): Promise<void> {
  console.log(name);
  const data = async (operation: string, body: object) => {
    const reply = await node.call(operation, body);
    if (reply.status !== 200) throw new Error(`${operation} returned ${reply.status}: ${reply.text}`);
    return reply.body.data;
  };
  const { apiId } = await data("apis.createApi", { name: "payments" });
  const atStart = await diskBytes();
  await inParallel(identities, (index) =>
    data("identities.createIdentity", {
      externalId: `user_${index}`,
      meta: { plan: "pro" },
      ratelimits: [{ name: "requests", limit: 1_000_000, duration: 60_000, autoApply: true }],
    }),
  );
  const withIdentities = await diskBytes();
  printBytes("an identity with one limit, on disk, including its audit event", withIdentities - atStart);
  const keys: string[] = [];
  await inParallel(identities, async (index) => {
    keys.push((await data("keys.createKey", { apiId, externalId: `user_${index}` })).key);
  });
  printBytes("a key, on disk, including its audit event", (await diskBytes()) - withIdentities);

  console.log(
    `  the node's memory after all keys were created: ${Math.round(residentBytes(node.pid) / 2 ** 20)} MiB`,
  );
  const memoryBefore = residentBytes(node.pid);
  const countersBefore = await counters.bytes();
  const usageBefore = await usageBytes();
  const verify = async (index: number) => {
    const { valid } = await data("keys.verifyKey", { key: keys[index % keys.length] });
    if (valid !== true) throw new Error("A verification was refused, but all should be valid.");
  };
  await inParallel(identities, verify);
  await Bun.sleep(3_000); // usage is written once a second
  printBytes("a cached key in the node's memory", residentBytes(node.pid) - memoryBefore);
  printBytes(`a counter in ${counters.where}`, (await counters.bytes()) - countersBefore);
  const usageOfFirst = await usageBytes();
  printBytes("usage of a key's first verification in a minute", usageOfFirst - usageBefore);

  const before = spentMs(node);
  const startedAt = performance.now();
  await inParallel(verifications, (index) => verify(index % 1_000));
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = spentMs(node);
  console.log(
    `  ${Math.round(verifications / seconds)} verifications a second; processor time per verification, µs:`,
  );
  for (const [part, ms] of Object.entries(after)) {
    console.log(`    ${part}: ${(((ms - (before[part] ?? 0)) * 1_000) / verifications).toFixed(1)}`);
  }
  await Bun.sleep(3_000);
  printBytes("usage of each further verification", (await usageBytes()) - usageOfFirst, verifications);
  console.log(
    `  usage events that were dropped: ${await node.metric("latchkey_usage_events_dropped_total")}`,
  );
  console.log(`  the node's memory: ${Math.round(residentBytes(node.pid) / 2 ** 20)} MiB`);
  if (counters.where === "Redis") await printFullCounter(data, apiId);
  await node.kill();
}

/**
 * Prints the size of the largest counter: a counter that is hit throughout its window, and therefore has the most
 * entries.
 */
async function printFullCounter(
  data: (operation: string, body: object) => Promise<{ key: string }>,
  apiId: string,
): Promise<void> {
  const limits = [{ name: "requests", limit: 1_000_000, duration: 3_000, autoApply: true }];
  const { key } = await data("keys.createKey", { apiId, ratelimits: limits });
  const endAt = performance.now() + 3_000;
  while (performance.now() < endAt) await data("keys.verifyKey", { key });
  const client = new RedisClient(services.environment["TEST_REDIS_URL"] ?? "");
  let most = 0;
  for (const name of (await client.send("KEYS", ["latchkey:*"])) as string[]) {
    most = Math.max(most, Number(await client.send("MEMORY", ["USAGE", name])));
  }
  client.close();
  console.log(`  the largest counter in Redis: ${most} bytes`);
}

function printBytes(what: string, bytes: number, of = identities): void {
  console.log(`  ${what}: ${Math.round(bytes / of)} bytes`);
}

async function inParallel(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: sockets }, worker));
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

async function redisBytes(): Promise<number> {
  const client = new RedisClient(services.environment["TEST_REDIS_URL"] ?? "");
  const memory = String(await client.send("INFO", ["memory"]));
  client.close();
  return Number(/used_memory:(\d+)/.exec(memory)?.[1]);
}

/** The processor time of each process so far, in milliseconds. */
function spentMs(node: Node): Record<string, number> {
  const [postmaster = ""] = readFileSync(
    join(services.environment["TEST_POSTGRES_DATA"] ?? "", "postmaster.pid"),
    "utf8",
  ).split("\n");
  const children = Bun.spawnSync(["pgrep", "-P", postmaster]).stdout.toString().trim().split("\n");
  return {
    node: processMs(node.pid),
    PostgreSQL: children.reduce((sum, pid) => sum + processMs(Number(pid)), processMs(Number(postmaster))),
    Redis: processMs(Number(services.environment["TEST_REDIS_PID"])),
  };
}

/** The processor time of all threads of a process, and of its child processes that have exited, in milliseconds. */
function processMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * msPerTick, 0);
}
