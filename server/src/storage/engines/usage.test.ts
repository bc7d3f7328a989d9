import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { postgres } from "../../../test/harness.ts";
import { startProxy } from "../../../test/proxy.ts";
import { until } from "../../../test/until.ts";
import type { CountedUse } from "../../domain/usage.ts";
import { addUsage } from "../../events/usageStore.ts";
import { openUsageDatabase, type UsageDatabase } from "./usage.ts";

const minuteMs = Date.UTC(2026, 0, 15, 12);
const used = (keyId: string): CountedUse => ({
  workspaceId: "ws_1",
  keyId,
  identityId: undefined,
  apiId: undefined,
  namespaceId: undefined,
  outcome: "VALID",
  credits: 0,
  tags: [],
  atMs: minuteMs,
  minuteMs,
  count: 1,
  lastMs: minuteMs,
});

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
  const database = await openUsageDatabase(at, deadlineMs);
  opened.push(database);
  return database;
}

const add = ({ transaction }: UsageDatabase, ...keyIds: string[]) =>
  transaction((tx) => addUsage(tx, { counts: keyIds.map(used), events: [] }, () => ""));
const countOf = async (keyId: string) => {
  const rows = await admin.unsafe(
    `select "count" from "usage" where "subjectId" = '${keyId}' and "period" = 'day'`,
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
  test("that two nodes count in another order is added in one, so that neither holds what the other needs", async () => {
    const [one, other] = [await open(), await open()];
    await add(one, "key_a", "key_b");
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const holding = admin.begin(async (tx) => {
      await tx.unsafe(`update "usage" set "count" = "count" where "subjectId" = 'key_a'`);
      begun.resolve();
      await held.promise;
    });
    await begun.promise;
    const first = add(one, "key_a", "key_b");
    await until(() => waiting(1));
    const second = add(other, "key_b", "key_a");
    await until(() => waiting(2));
    // had the second begun with b, it would hold b and wait for a, which the first will have
    const isFree = await admin.unsafe(
      `select 1 from "usage" where "subjectId" = 'key_b' and "period" = 'day' for update skip locked`,
    );
    expect(isFree).toHaveLength(1);
    held.resolve();
    await Promise.all([holding, first, second]);
    expect([await countOf("key_a"), await countOf("key_b")]).toEqual([3, 3]);
  }, 20_000);

  test("is added again, once, where a deadlock with another transaction ended the first attempt", async () => {
    const [one, other] = [await open(), await open()];
    await add(one, "key_c", "key_d");
    let waitingForBoth: (() => void)[] = [];
    const bothHaveOne = () =>
      new Promise<void>((resolve) => {
        waitingForBoth.push(resolve);
        if (waitingForBoth.length < 2) return;
        for (const go of waitingForBoth) go();
        waitingForBoth = [() => undefined]; // whoever runs again waits for nobody
      });
    const crossing = (database: UsageDatabase, first: string, second: string) =>
      database.transaction(async (tx) => {
        await addUsage(tx, { counts: [used(first)], events: [] }, () => "");
        await bothHaveOne();
        await addUsage(tx, { counts: [used(second)], events: [] }, () => "");
      });
    await Promise.all([crossing(one, "key_c", "key_d"), crossing(other, "key_d", "key_c")]);
    expect([await countOf("key_c"), await countOf("key_d")]).toEqual([3, 3]);
  }, 20_000);

  test("of a server that hangs fails, and is added by the next connection when it goes on", async () => {
    const { hostname, port } = new URL(url);
    const proxy = await startProxy({ host: hostname, port: Number(port) });
    const through = new URL(url);
    through.port = String(proxy.port);
    const hung = await open(through.href, 300);
    await add(hung, "key_e");
    proxy.pause();
    expect(await add(hung, "key_e").then(String, () => "failed")).toBe("failed");
    proxy.resume();
    await hung.close();
    await add(await open(through.href), "key_f");
    expect([await countOf("key_e"), await countOf("key_f")]).toEqual([1, 1]);
    await proxy.close();
  }, 20_000);

  test("waits for no lock and no statement for ever, and for no disk", async () => {
    const { db } = await open();
    const names = [
      "lock_timeout",
      "statement_timeout",
      "idle_in_transaction_session_timeout",
      "synchronous_commit",
    ];
    const settings = await Promise.all(
      names.map(async (name) => {
        const query = db.selectNoFrom((eb) => eb.fn<string>("current_setting", [eb.val(name)]).as("setting"));
        return (await query.executeTakeFirstOrThrow()).setting;
      }),
    );
    expect(settings).toEqual(["5s", "10s", "10s", "off"]);
  });

  test("leaves no connection behind when it is closed", async () => {
    const database = await open();
    await add(database, "key_g");
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
