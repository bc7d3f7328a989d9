import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { databaseAt } from "../../../test/databaseAt.ts";
import { startProxy, type TcpProxy } from "../../../test/proxy.ts";
import { type Cluster, sharedCluster } from "../../../test/services.ts";
import { until } from "../../../test/until.ts";
import { type Engine, type ForeignChange, StorageError } from "../engine.ts";
import { openStorage } from "../open.ts";
import type { Tx } from "../schema.ts";

let cluster: Cluster;
let url: string;
const opened: Engine[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
}, 60_000);

beforeEach(async () => {
  url = await cluster.make();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((engine) => engine.close()));
  await cluster.drop(url);
});

async function open(at = url, monotonicMs = () => performance.now()): Promise<Engine> {
  const engine = await openStorage(databaseAt(at), { serving: true, connections: 8, monotonicMs });
  opened.push(engine);
  return engine;
}

const insert = (tx: Tx, id: string) =>
  tx
    .insertInto("workspaces")
    .values({ id, name: "any", enabled: 1, createdAtMs: 2 ** 40, timeZone: "UTC" })
    .execute();

const ids = async (engine: Engine) =>
  (await engine.db.selectFrom("workspaces").select("id").orderBy("id").execute()).map(({ id }) => id);

const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof StorageError ? error.reason : String(error)),
  );

test("64-bit integers and their sums are read as numbers, and text sorts by its bytes", async () => {
  const engine = await open();
  for (const id of ["b", "B", "a", "é", "_", "z"]) await engine.transaction((tx) => insert(tx, id));
  const rows = await engine.db
    .selectFrom("workspaces")
    .select((eb) => [eb.fn.sum("createdAtMs").as("sum"), eb.fn.countAll().as("count")])
    .execute();
  expect<unknown>(rows).toEqual([{ sum: 6 * 2 ** 40, count: 6 }]);
  expect(await ids(engine)).toEqual(["B", "_", "a", "b", "z", "é"]);
});

test("a transaction with a failed statement is not acknowledged, even if its code continued", async () => {
  const engine = await open();
  const work = engine.transaction(async (tx) => {
    await insert(tx, "ws_1");
    await insert(tx, "ws_1").catch(() => undefined);
  });
  expect(await reasonOf(work)).toContain("ROLLBACK");
  expect(await ids(engine)).toEqual([]);
});

test("while a server accepts no writes, they fail as unavailable, and they succeed again without a restart", async () => {
  const engine = await open();
  const admin = new SQL(url, { max: 1 });
  const name = new URL(url).pathname.slice(1);
  const takeWrites = async (does: "on" | "off") => {
    await admin.unsafe(`alter database ${name} set default_transaction_read_only = ${does}`);
    await admin.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'latchkey'`);
  };
  await takeWrites("on");
  expect(await reasonOf(engine.transaction((tx) => insert(tx, "ws_1")))).toBe("unavailable");
  await takeWrites("off");
  await until(async () => (await reasonOf(engine.transaction((tx) => insert(tx, "ws_2")))) === "done");
  await admin.close();
});

test("a commit waits until it is durable, whatever the server's default is", async () => {
  const engine = await open();
  const { rows } = await engine.transaction((tx) =>
    tx.executeQuery<{ setting: string }>(
      tx
        .selectNoFrom((eb) => eb.fn<string>("current_setting", [eb.val("synchronous_commit")]).as("setting"))
        .compile(),
    ),
  );
  expect(rows).toEqual([{ setting: "on" }]);
});

test("two transactions that deadlock both succeed", async () => {
  const engine = await open();
  for (const id of ["ws_1", "ws_2"]) await engine.transaction((tx) => insert(tx, id));
  const touch = (tx: Tx, id: string) =>
    tx
      .updateTable("workspaces")
      .set((eb) => ({ createdAtMs: eb("createdAtMs", "+", 1) }))
      .where("id", "=", id)
      .execute();
  let waiting: (() => void)[] = [];
  const bothHaveOne = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length < 2) return;
      for (const go of waiting) go();
      // the transaction that runs again after the deadlock gets here alone, so it must not wait
      waiting = [() => undefined];
    });
  const crossing = (first: string, second: string) =>
    engine.transaction(async (tx) => {
      await touch(tx, first);
      await bothHaveOne();
      await touch(tx, second);
    });
  await Promise.all([crossing("ws_1", "ws_2"), crossing("ws_2", "ws_1")]);
  const rows = await engine.db.selectFrom("workspaces").select("createdAtMs").execute();
  expect(rows.map(({ createdAtMs }) => createdAtMs)).toEqual([2 ** 40 + 2, 2 ** 40 + 2]);
});

test("transactions with the same name run one after the other, also in different processes", async () => {
  const engines = [await open(), await open()];
  let inside = 0;
  const alone = (engine: Engine) =>
    engine.transaction(
      async (tx) => {
        inside += 1;
        await insert(tx, `ws_${crypto.randomUUID()}`);
        expect(inside).toBe(1);
        inside -= 1;
      },
      { alone: "test" },
    );
  await Promise.all([...engines, ...engines, ...engines].map(alone));
});

test("liveNodes counts this node, and every other node whose last heartbeat is at most 15 seconds old by the server's clock", async () => {
  const admin = new SQL(url, { max: 1 });
  await admin.unsafe(`insert into "nodes" values
    ('there', clock_timestamp() - interval '10 s'), ('gone', clock_timestamp() - interval '16 s'),
    ('seen by a clock an hour ahead', clock_timestamp() + interval '1 hour'),
    ('seen by a clock years ahead', clock_timestamp() + interval '5 years')`);
  await admin.close();
  expect((await open()).liveNodes()).toBe(2);
  const last = await open();
  expect(last.liveNodes()).toBe(3);
});

describe("changes", () => {
  const record = (engine: Engine, tx: Tx, ...changed: string[]) => engine.recordChanges(tx, new Set(changed));

  async function follow(): Promise<{ engine: Engine; told: (string | undefined)[] }> {
    const engine = await open();
    const told: (string | undefined)[] = [];
    engine.onForeignChange((change: ForeignChange) => told.push(...(change.ids ?? [undefined])));
    return { engine, told };
  }

  test("are reported once to every other process, and not to their own", async () => {
    const [one, other] = [await follow(), await follow()];
    await one.engine.transaction((tx) => record(one.engine, tx, "key_1", "id_2"));
    await other.engine.transaction((tx) => record(other.engine, tx, "key_3"));
    await until(() => one.told.length > 0 && other.told.length > 1);
    await one.engine.transaction((tx) => record(one.engine, tx, "last"));
    await until(() => other.told.includes("last"));
    expect(one.told).toEqual(["key_3"]);
    expect(other.told).toEqual(["key_1", "id_2", "last"]);
  });

  test("are reported whatever the order of their commits is", async () => {
    const [writer, reader] = [await open(), await follow()];
    let goOn = () => {};
    const held = writer.transaction(async (tx) => {
      await record(writer, tx, "begun_first");
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    });
    for (const id of ["key_1", "key_2", "key_3"]) await writer.transaction((tx) => record(writer, tx, id));
    await until(() => reader.told.includes("key_3"));
    expect(reader.told).not.toContain("begun_first");
    goOn();
    await held;
    await until(() => reader.told.includes("begun_first"));
    expect(reader.told).toEqual(["key_1", "key_2", "key_3", "begun_first"]);
  });

  test("that were rolled back are not reported", async () => {
    const [writer, reader] = [await open(), await follow()];
    const failed = writer.transaction(async (tx) => {
      await record(writer, tx, "never");
      throw new Error("no");
    });
    await failed.catch(() => undefined);
    await writer.transaction((tx) => record(writer, tx, "last"));
    await until(() => reader.told.includes("last"));
    expect(reader.told).toEqual(["last"]);
  });

  test("are neither missed nor reported twice while many transactions overlap", async () => {
    const [one, other, reader] = [await open(), await open(), await follow()];
    const written = Array.from({ length: 300 }, (_, index) => `key_${index}`);
    const inAnyOrder = written.map(async (id, index) => {
      const writer = index % 2 === 0 ? one : other;
      await writer.transaction(async (tx) => {
        await record(writer, tx, id);
        await Bun.sleep(Math.random() * 40);
      });
    });
    await Promise.all(inAnyOrder);
    await one.transaction((tx) => record(one, tx, "last"));
    await until(() => reader.told.includes("last"));
    expect(new Set(reader.told)).toEqual(new Set([...written, "last"]));
    expect(reader.told).toHaveLength(written.length + 1);
  });
});

describe("with a server that becomes unavailable,", () => {
  let proxy: TcpProxy;
  let through: string;
  beforeEach(async () => {
    const { hostname, port } = new URL(url);
    proxy = await startProxy({ host: hostname, port: Number(port) });
    const changed = new URL(url);
    changed.port = String(proxy.port);
    through = changed.href;
  });
  afterEach(async () => {
    await proxy.close();
  });

  /** Passes the first commit on to the server, and drops the response. */
  const loseResponse = () => {
    proxy.onSent((data) => {
      const isCommit = data.includes("commit\0");
      if (isCommit) proxy.onSent(undefined);
      return isCommit;
    });
  };

  test("a commit whose response is lost fails as `lost`, and is not retried", async () => {
    const engine = await open(through);
    let runs = 0;
    loseResponse();
    const work = engine.transaction(async (tx) => {
      runs += 1;
      await insert(tx, `ws_${runs}`);
    });
    expect(await reasonOf(work)).toBe("lost");
    await until(async () => (await ids(engine)).length > 0);
    expect(await ids(engine)).toEqual(["ws_1"]);
  });

  test("a transaction whose connection breaks before the commit is retried, and takes effect once", async () => {
    const engine = await open(through);
    let runs = 0;
    await engine.transaction(async (tx) => {
      runs += 1;
      await insert(tx, `ws_${runs}`);
      if (runs > 1) return;
      proxy.cut();
      proxy.mend();
      await insert(tx, "ws_never");
    });
    expect(await ids(engine)).toEqual(["ws_2"]);
  });

  test("reads and writes fail while it hangs, including those in flight, and succeed when it responds again", async () => {
    const engine = await open(through);
    let entered = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const underWay = engine.transaction(async (tx) => {
      await insert(tx, "ws_1");
      entered();
      await until(() => paused);
      await insert(tx, "ws_2");
    });
    let paused = false;
    await inside;
    proxy.pause();
    paused = true;
    expect(await reasonOf(ids(engine))).toBe("unavailable");
    expect(await reasonOf(underWay)).toBe("unavailable");
    expect(await reasonOf(engine.transaction((tx) => insert(tx, "ws_3")))).toBe("unavailable");
    expect(await reasonOf(engine.check())).toBe("unavailable");
    proxy.resume();
    await until(() =>
      engine.check().then(
        () => true,
        () => false,
      ),
    );
    expect(await ids(engine)).toEqual([]);
    await engine.transaction((tx) => insert(tx, "ws_4"));
    expect(await ids(engine)).toEqual(["ws_4"]);
  });

  test("while it is stopped, one probe at a time connects to it, however many callers there are", async () => {
    const engine = await open(through);
    proxy.cut();
    await until(async () => (await reasonOf(ids(engine))) === "unavailable");
    let connections = 0;
    proxy.onSent(() => {
      connections += 1;
      return false;
    });
    const refused = await Promise.all(Array.from({ length: 500 }, () => reasonOf(ids(engine))));
    expect(new Set(refused)).toEqual(new Set(["unavailable"]));
    expect(connections).toBe(0);
    proxy.onSent(undefined);
    proxy.mend();
    await until(() =>
      engine.check().then(
        () => true,
        () => false,
      ),
    );
  });

  test("cached keys are used for half a minute after its last response, and again when it is back", async () => {
    let nowMs = 0;
    const engine = await open(through, () => nowMs);
    const told: ForeignChange[] = [];
    engine.onForeignChange((change) => told.push(change));
    expect(engine.isCurrent()).toBe(true);
    proxy.pause();
    nowMs = 30_000;
    expect(engine.isCurrent()).toBe(true);
    nowMs = 30_001;
    expect(engine.isCurrent()).toBe(false);
    const other = await open();
    await other.transaction((tx) => other.recordChanges(tx, new Set(["meanwhile"])));
    proxy.resume();
    await until(() => engine.isCurrent());
    expect(told.flatMap((change) => change.ids)).toEqual(["meanwhile"]);
  });
});

describe("a server that cannot be used is refused with a sentence without the password,", () => {
  const refusal = (at: string) =>
    open(at).then(
      () => "opened",
      (error: Error) => error.message,
    );

  test("if nothing listens", async () => {
    const message = await refusal("postgres://someone:secret-word@127.0.0.1:1/records");
    expect(message).toMatch(
      /^The database records at 127\.0\.0\.1:1 cannot be reached: [^.]+\. Check its address, and that PostgreSQL is running there\.$/,
    );
    expect(message).not.toContain("secret-word");
  });

  test("if the database does not exist", async () => {
    const missing = new URL(url);
    missing.pathname = "/no_such_database";
    missing.password = "secret-word";
    const message = await refusal(missing.href);
    expect(message).toContain("no_such_database");
    expect(message).not.toContain("secret-word");
  });

  test("if text is not stored as UTF-8", async () => {
    const admin = new SQL(url, { max: 1 });
    const name = `${new URL(url).pathname.slice(1)}_latin`;
    await admin.unsafe(
      `create database ${name} encoding 'LATIN1' locale_provider libc locale 'C' template template0`,
    );
    const latin = new URL(url);
    latin.pathname = `/${name}`;
    expect(await refusal(latin.href)).toBe(
      "The database's encoding is LATIN1. Create a database with the encoding UTF8.",
    );
    await admin.unsafe(`drop database ${name}`);
    await admin.close();
  });
});
