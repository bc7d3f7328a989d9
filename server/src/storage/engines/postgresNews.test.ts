/**
 * Tests that nodes learn of each other's changes when PostgreSQL crashes, is a standby or is promoted. postgres.test.ts
 * has the tests on a healthy server.
 */

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { databaseAt } from "../../../test/databaseAt.ts";
import {
  type PostgresServer,
  type Standby,
  startPostgres,
  startStandby,
} from "../../../test/nodes/postgresServer.ts";
import { startProxy, type TcpProxy } from "../../../test/proxy.ts";
import { until } from "../../../test/until.ts";
import { type Engine, StorageError } from "../engine.ts";
import { openStorage } from "../open.ts";

let primary: PostgresServer;
let standby: Standby;
let proxy: TcpProxy;
let through: string;
const opened: Engine[] = [];

beforeAll(async () => {
  primary = await startPostgres();
  // with this delay, the server flushes only what it must, so that a crash loses everything else
  await primary.ask(`alter system set wal_writer_delay = '10s'`, "select pg_reload_conf()");
  standby = await startStandby(primary);
  const url = new URL(primary.url);
  proxy = await startProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(proxy.port);
  through = url.href;
}, 60_000);

afterEach(async () => {
  await Promise.all(opened.splice(0).map((engine) => engine.close()));
});

afterAll(async () => {
  await proxy.close();
  await standby.stop();
  await primary.stop();
});

async function open(url: string, monotonicMs = () => performance.now()): Promise<Engine> {
  const engine = await openStorage(databaseAt(url), { serving: true, connections: 4, monotonicMs });
  opened.push(engine);
  return engine;
}

/** Opens an engine. `told` has the changes that were reported to it so far: ids, or the word `everything`. */
async function follow(monotonicMs?: () => number): Promise<{ engine: Engine; told: string[] }> {
  const engine = await open(through, monotonicMs);
  const told: string[] = [];
  engine.onForeignChange(({ ids = ["everything"] }) => told.push(...ids));
  return { engine, told };
}

const record = (engine: Engine, id: string) =>
  engine.transaction((tx) => engine.recordChanges(tx, new Set([id])));
const reads = (engine: Engine) =>
  engine.check().then(
    () => "read",
    (error: unknown) => (error instanceof StorageError ? error.reason : String(error)),
  );

/** Starts 16 readers, each of which reads again and again. `latest` has the outcome of the latest read of each. */
function readOn(engine: Engine): { latest: string[]; stop(): Promise<void> } {
  const latest = Array.from({ length: 16 }, () => "");
  let over = false;
  const readers = latest.map(async (_, reader) => {
    while (!over) {
      latest[reader] = await reads(engine);
      await Bun.sleep(0);
    }
  });
  return {
    latest,
    async stop() {
      over = true;
      await Promise.all(readers);
    },
  };
}

function leadTo({ url }: PostgresServer): void {
  const { hostname, port } = new URL(url);
  proxy.cut();
  proxy.lead({ host: hostname, port: Number(port) });
  proxy.mend();
}

/**
 * Uses up transaction ids: begins 200 transactions and rolls them back. Then waits until every engine has polled and so
 * has seen these transactions end. Returns the id of the last transaction.
 */
async function wasteIds(): Promise<bigint> {
  const waste = Array.from({ length: 200 }, () => "begin; select pg_current_xact_id(); rollback");
  const last = `select pg_snapshot_xmax(pg_current_snapshot())::text as "next", clock_timestamp()::text as "now"`;
  const [row] = await primary.ask(...waste, last);
  const looks = `select count(*)::int4 as "count" from pg_stat_activity
    where query like 'select pg_current_snapshot%' and query_start > '${String(row?.["now"])}'`;
  await until(async () => (await primary.ask(looks))[0]?.["count"] === opened.length);
  return BigInt(String(row?.["next"])) - 1n;
}

const idOf = async (server: PostgresServer, change: string) => {
  const [row] = await server.ask(
    `select "transactionId"::text as "id" from "changes" where "ids" = '${change}' order by "recordedAt" desc limit 1`,
  );
  return BigInt(String(row?.["id"]));
};

/** Kills one of the server's processes. The server then restarts all of its processes except the first. */
async function killOneProcess(): Promise<void> {
  const [row] = await primary.ask(`select pid from pg_stat_activity where backend_type = 'checkpointer'`);
  process.kill(Number(row?.["pid"]), "SIGKILL");
}

test("a change is reported even if, after a crash, it has the id of a transaction that was seen to end", async () => {
  const { told } = await follow();
  const writer = await open(primary.url);
  let reused = false;
  for (let crash = 0; !reused; crash += 1) {
    const wasted = await wasteIds();
    proxy.cut(); // otherwise a poll could see the state before the change
    await killOneProcess();
    const change = `crash_${crash}`;
    await until(() =>
      record(writer, change).then(
        () => true,
        () => false,
      ),
    );
    proxy.mend();
    await until(() => told.includes(change));
    reused = (await idOf(primary, change)) <= wasted;
  }
}, 30_000);

test("a standby counts as unavailable, although it responds", async () => {
  let nowMs = 0;
  const { engine, told } = await follow(() => nowMs);
  const reading = readOn(engine);
  await until(() => reading.latest.every((outcome) => outcome === "read"));
  leadTo(standby);
  await until(() => reading.latest.every((outcome) => outcome === "unavailable"));
  const connections = standby.connections();
  await until(() => {
    expect(reading.latest).not.toContain("read");
    return standby.connections() > connections + 3;
  });
  await reading.stop();
  nowMs = 30_001;
  expect(engine.isCurrent()).toBe(false);
  leadTo(primary);
  await until(() => engine.isCurrent());
  expect(told).toEqual(["everything"]);
}, 30_000);

test("after a standby was promoted, everything counts as changed, and changes are reported although its transaction ids are lower", async () => {
  const { told } = await follow();
  const wasted = await wasteIds();
  proxy.cut();
  primary.kill();
  standby.run("pg_ctl", "promote", "-D", standby.folder, "-s", "-w");
  const writer = await open(standby.url);
  await record(writer, "key_1");
  expect(await idOf(standby, "key_1")).toBeLessThan(wasted);
  leadTo(standby);
  await until(() => told.includes("everything"));
  await record(writer, "key_2");
  await until(() => told.includes("key_2"));
}, 30_000);
