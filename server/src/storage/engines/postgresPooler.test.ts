/** Tests PostgreSQL behind a real PgBouncer, in each of its modes. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { databaseAt } from "../../../test/databaseAt.ts";
import { type PgBouncer, startPgBouncer } from "../../../test/pgbouncer.ts";
import { type Cluster, sharedCluster } from "../../../test/services.ts";
import { until } from "../../../test/until.ts";
import { type Engine, StorageError } from "../engine.ts";
import { openStorage } from "../open.ts";
import type { Db, Tx } from "../schema.ts";
import { session } from "./postgresConnection.ts";
import { openPool, type Pool } from "./postgresPool.ts";
import { openUsageDatabase } from "./usage.ts";

let cluster: Cluster;
let url: string;
const toStop: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  url = await cluster.make();
}, 60_000);
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});
afterAll(() => cluster.drop(url));

async function pgBouncer(...settings: string[]): Promise<PgBouncer> {
  const pooler = await startPgBouncer(url, ...settings);
  toStop.push(pooler.stop);
  return pooler;
}

async function open(at: string): Promise<Engine> {
  const options = { serving: true, connections: 8, monotonicMs: () => performance.now() };
  const engine = await openStorage(databaseAt(at), options);
  toStop.push(engine.close);
  return engine;
}

function poolAt(at: string, max: number): Pool {
  const pool = openPool({ url: at, max, settings: { ...session, statement_timeout: "2s" } });
  toStop.push(() => pool.close(0));
  return pool;
}

async function setting(db: Db | Tx, name: string): Promise<string> {
  const query = db.selectNoFrom((eb) => eb.fn<string>("current_setting", [eb.val(name)]).as("setting"));
  return (await query.executeTakeFirstOrThrow()).setting;
}

const settingsOf = async (db: Db | Tx, names: readonly string[]) =>
  Object.fromEntries(await Promise.all(names.map(async (name) => [name, await setting(db, name)] as const)));

const insert = (tx: Tx, id: string) =>
  tx
    .insertInto("workspaces")
    .values({ id, name: "any", enabled: 1, createdAtMs: 1, timeZone: "UTC" })
    .execute();

const ignoring =
  "ignore_startup_parameters = extra_float_digits,default_transaction_isolation,synchronous_commit,lock_timeout," +
  "idle_in_transaction_session_timeout,statement_timeout,transaction_read_only";

describe.each([
  ["without ignore_startup_parameters", []],
  ["with all startup parameters ignored", [ignoring]],
])("PgBouncer in session mode, %s", (_, settings) => {
  const start = () => pgBouncer("pool_mode = session", "default_pool_size = 60", ...settings);

  test("every connection has the settings that it needs, whatever the server's defaults are", async () => {
    const engine = await open((await start()).url);
    const names = [...Object.keys(session), "statement_timeout"];
    const expected = { ...session, statement_timeout: "10s" };
    expect(await settingsOf(engine.slow, names)).toEqual(expected);
    expect(await engine.transaction((tx) => settingsOf(tx, names))).toEqual(expected);
    expect(await settingsOf(engine.db, names)).toEqual({ ...session, statement_timeout: "2s" });
  });

  test("connections for usage have their own settings", async () => {
    const { rows, close } = await openUsageDatabase(databaseAt((await start()).url));
    toStop.push(close);
    const settings = await rows(`select current_setting('application_name') as "name",
      current_setting('synchronous_commit') as "commit", current_setting('lock_timeout') as "lock"`);
    expect(settings).toEqual([{ name: "latchkey usage", commit: "off", lock: "5s" }]);
  });

  test("nodes learn of each other's changes", async () => {
    const pooler = await start();
    const [one, other] = [await open(pooler.url), await open(pooler.url)];
    const told: (string | undefined)[] = [];
    other.onForeignChange(({ ids }) => told.push(...(ids ?? [undefined])));
    await one.transaction(async (tx) => {
      await insert(tx, `ws_${crypto.randomUUID()}`);
      await one.recordChanges(tx, new Set(["key_1"]));
    });
    await until(() => told.length > 0);
    expect(told).toEqual(["key_1"]);
  });
});

describe.each(["transaction", "statement"])("PgBouncer in %s mode", (mode) => {
  test.each([
    ["default_pool_size = 20"],
    ["default_pool_size = 1"],
    ["server_round_robin = 1"],
    ["server_reset_query_always = 1"],
    [ignoring],
  ])("is refused at the start with a sentence that names the mode (%s)", async (line) => {
    const pooler = await pgBouncer(`pool_mode = ${mode}`, line);
    const refused = await openStorage(databaseAt(pooler.url), {
      serving: true,
      connections: 4,
      monotonicMs: () => performance.now(),
    }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StorageError);
    expect(String(refused)).toContain(`The pooler in front of PostgreSQL is in ${mode} mode`);
    expect(String(refused)).toContain("pool_mode = session");
  });

  test("keeps no setting of a server whose start was refused", async () => {
    const pooler = await pgBouncer(`pool_mode = ${mode}`, "default_pool_size = 1");
    await open(pooler.url).catch(() => undefined);
    const other = new SQL(pooler.url, { max: 1 });
    toStop.push(() => other.close());
    const [row] = await other.unsafe("select current_setting('lock_timeout') as setting").simple();
    expect(row.setting).toBe("0");
  });
});

test("a connection that replaces a lost connection has the settings as well", async () => {
  const admin = new SQL(url, { max: 1 });
  toStop.push(() => admin.close());
  const engine = await open((await pgBouncer("pool_mode = session")).url);
  await engine.check();
  await admin.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'latchkey'`);
  const settled = () => engine.transaction((tx) => setting(tx, "synchronous_commit")).catch(() => undefined);
  expect(await until(settled)).toBe("on");
});

describe("a pool", () => {
  test("refuses a connection whose settings are not the requested ones", async () => {
    const settings = { ...session, statement_timeout: "2000" }; // the server reports it as 2s
    const pool = openPool({ url, max: 1, settings });
    toStop.push(() => pool.close(0));
    const refused = pool.run((client) => client.unsafe("select 1")).catch((error: unknown) => error);
    expect(String(await refused)).toContain("ignores a setting of the connection: statement_timeout is 2s");
  });

  test("runs no more statements of a transaction whose connection was lost", async () => {
    const pool = poolAt(url, 1);
    const { client, discard } = await pool.reserve(5_000);
    await client.unsafe("begin");
    const [row] = await client.unsafe("select pg_backend_pid() as pid");
    const admin = new SQL(url, { max: 1 });
    await admin.unsafe(`select pg_terminate_backend(${row.pid}, 5000)`);
    await admin.close();
    const outcomes: string[] = [];
    await until(async () => {
      const outcome = await client.unsafe("select 1").then(
        () => "ran",
        () => "refused",
      );
      return outcomes.push(outcome) === 3;
    });
    expect(outcomes).toEqual(["refused", "refused", "refused"]);
    discard();
  });

  test("gives its connections to callers in order, and refuses a caller that has waited too long with `busy`", async () => {
    const pool = poolAt(url, 1);
    const first = await pool.reserve(5_000);
    const late = await pool.reserve(0).catch((error: unknown) => error);
    expect(late).toMatchObject({ reason: "busy" });
    const order: number[] = [];
    const ask = async (index: number) => {
      const reserved = await pool.reserve(5_000);
      order.push(index);
      reserved.release();
    };
    const earlier = [1, 2, 3].map(ask);
    first.release();
    await Promise.all([...earlier, ask(4)]);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  test("lets running statements finish when it is closed, and refuses the rest", async () => {
    const pool = poolAt(url, 1);
    const reserved = await pool.reserve(5_000);
    await reserved.client.unsafe("begin");
    const waiting = pool.reserve(5_000).catch((error: unknown) => error);
    const closed = pool.close(600); // more seconds than the test may take
    expect(await waiting).toMatchObject({ reason: "unavailable" });
    await reserved.client.unsafe("select 1");
    await reserved.client.unsafe("commit");
    reserved.release();
    await closed;
  });
});
