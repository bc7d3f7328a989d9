import { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { SQL } from "bun";
import { databaseAt } from "../../../test/databaseAt.ts";
import { postgres } from "../../../test/harness.ts";
import { newFolder } from "../../../test/program.ts";
import { startProxy } from "../../../test/proxy.ts";
import { until } from "../../../test/until.ts";
import { addMinutes, type CountRow } from "../../usage/countStore.ts";
import { usage } from "../migrations/0006_usage.ts";
import { target } from "./sqliteTransaction.ts";
import { openUsageDatabase, type UsageDatabase } from "./usage.ts";

/** The number that stands for a key in usage counts. The id of a key is one letter here. */
const numberOf = (key: string) => key.charCodeAt(0);
const used = (key: string): CountRow => [1, 4, 1, numberOf(key), 0, 0, 1, 0];

let url: string;
let admin: SQL;
const opened: UsageDatabase[] = [];
beforeAll(async () => {
  url = await postgres.url("");
  admin = new SQL(url, { max: 2 });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  await admin.close();
  await postgres.drop?.(url);
});

async function open(at = url, deadlineMs?: number): Promise<UsageDatabase> {
  const database = await openUsageDatabase(databaseAt(at), deadlineMs);
  opened.push(database);
  return database;
}

const add = ({ transaction }: UsageDatabase, ...keyIds: string[]) =>
  transaction((tx) => addMinutes(tx, keyIds.toSorted().map(used)));
const countOf = async (keyId: string) => {
  const rows = await admin.unsafe(
    `select "count" from "usageMinutes" where "subjectNo" = ${numberOf(keyId)}`,
  );
  return Number(rows[0]?.count);
};
const waiting = async (count: number) => {
  const [row] = await admin.unsafe(
    `select count(*)::int4 as "count" from pg_stat_activity
      where application_name = 'latchkey usage' and wait_event_type = 'Lock' and datname = current_database()`,
  );
  return row.count === count;
};

describe("usage on PostgreSQL", () => {
  test("is added in one order by all nodes, so that they do not deadlock", async () => {
    const [one, other] = [await open(), await open()];
    await add(one, "a", "b");
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const holding = admin.begin(async (tx) => {
      await tx.unsafe(`update "usageMinutes" set "count" = "count" where "subjectNo" = ${numberOf("a")}`);
      begun.resolve();
      await held.promise;
    });
    await begun.promise;
    const first = add(one, "a", "b");
    await until(() => waiting(1));
    const second = add(other, "b", "a");
    await until(() => waiting(2));
    // both nodes lock a first: the second node waits for a, and has not locked b
    const isFree = await admin.unsafe(
      `select 1 from "usageMinutes" where "subjectNo" = ${numberOf("b")} for update skip locked`,
    );
    expect(isFree).toHaveLength(1);
    held.resolve();
    await Promise.all([holding, first, second]);
    expect([await countOf("a"), await countOf("b")]).toEqual([3, 3]);
  }, 20_000);

  test("is counted once if a deadlock with another transaction ended the first attempt", async () => {
    const [one, other] = [await open(), await open()];
    await add(one, "c", "d");
    let waitingForBoth: (() => void)[] = [];
    const bothHaveOne = () =>
      new Promise<void>((resolve) => {
        waitingForBoth.push(resolve);
        if (waitingForBoth.length < 2) return;
        for (const go of waitingForBoth) go();
        // the transaction that runs again after the deadlock gets here alone, so it must not wait
        waitingForBoth = [() => undefined];
      });
    const crossing = (database: UsageDatabase, first: string, second: string) =>
      database.transaction(async (tx) => {
        await addMinutes(tx, [used(first)]);
        await bothHaveOne();
        await addMinutes(tx, [used(second)]);
      });
    await Promise.all([crossing(one, "c", "d"), crossing(other, "d", "c")]);
    expect([await countOf("c"), await countOf("d")]).toEqual([3, 3]);
  }, 20_000);

  test("fails while the server hangs, and is added by the next connection when it continues", async () => {
    const { hostname, port } = new URL(url);
    const proxy = await startProxy({ host: hostname, port: Number(port) });
    const through = new URL(url);
    through.port = String(proxy.port);
    const hung = await open(through.href, 300);
    await add(hung, "e");
    proxy.pause();
    expect(await add(hung, "e").then(String, () => "failed")).toBe("failed");
    proxy.resume();
    await hung.close();
    await add(await open(through.href), "f");
    expect([await countOf("e"), await countOf("f")]).toEqual([1, 1]);
    await proxy.close();
  }, 20_000);

  test("waits only a limited time for a lock or a statement, and does not wait for the disk", async () => {
    const { rows } = await open();
    const names = [
      "lock_timeout",
      "statement_timeout",
      "idle_in_transaction_session_timeout",
      "synchronous_commit",
    ];
    const settings = await Promise.all(
      names.map(async (name) => {
        const [row] = await rows<{ setting: string }>(`select current_setting($1) as "setting"`, name);
        return row?.setting;
      }),
    );
    expect(settings).toEqual(["5s", "10s", "10s", "off"]);
  });

  test("leaves no connection behind when it is closed", async () => {
    const database = await open();
    await add(database, "g");
    const mine = async () =>
      (
        await admin.unsafe(
          `select 1 from pg_stat_activity where application_name = 'latchkey usage' and datname = current_database()`,
        )
      ).length;
    expect(await mine()).toBe(1);
    await database.close();
    await until(async () => (await mine()) === 0);
  });
});

describe("the usage file beside a SQLite database", () => {
  const newPlace = () => {
    const path = join(newFolder(), "latchkey.db");
    return { url: `file:${path}`, usagePath: `${path}-usage` };
  };
  const inFile = (path: string, statement: string) => {
    const database = new Database(path, { readwrite: true });
    const rows = database.query<Record<string, unknown>, []>(statement).all();
    database.close();
    return rows;
  };
  test("keeps its counts if it comes from a version that recorded no migrations, and then records them", async () => {
    const { url, usagePath } = newPlace();
    const old = new Database(usagePath, { create: true });
    for (const statement of usage.statements({ ...target(old).types })) old.run(statement);
    old.run(`insert into "usage" values ('ws_1', 'key_1', 'hour', 3600000, 'VALID', '', 2, 0)`);
    old.close();
    await open(url);
    expect(inFile(usagePath, `select "kind", "start", "count" from "usageHours"`)).toEqual([
      { kind: 4, start: 1, count: 2 },
    ]);
    expect(inFile(usagePath, `select "name" from "migrations"`)).toEqual([
      { name: "0006_usage" },
      { name: "0012_lastUsesByTime" },
      { name: "0012_usageBlocks" },
      { name: "0016_usageCounts" },
      { name: "0032_usagePending" },
    ]);
    expect(inFile(usagePath, "pragma auto_vacuum")).toEqual([{ auto_vacuum: 2 }]);
  });

  test("is not changed if a newer version has migrated it", async () => {
    const { url, usagePath } = newPlace();
    await open(url);
    await opened.pop()?.close();
    inFile(usagePath, `insert into "migrations" ("name") values ('9999_from_the_future')`);
    const refused = open(url).then(
      () => "opened",
      ({ message }: Error) => message,
    );
    expect(await refused).toMatch(
      / written by a newer Latchkey \(it has migration 9999_from_the_future\): [^.]+\.$/,
    );
  });
});
