import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { databaseAt } from "../../test/databaseAt.ts";
import { newFolder } from "../../test/program.ts";
import { subjectKinds } from "../domain/usage.ts";
import { openUsageDatabase, type UsageDatabase } from "../storage/engines/usage.ts";
import { queryUsage } from "./countReader.ts";
import { addPending, writePending } from "./pending.ts";
import { countSaver } from "./saver.ts";
import { tally } from "./tally.ts";
import { startUsageThread } from "./thread.ts";

const t0 = Date.UTC(2026, 0, 15, 12);
const keys = 20_000;
const total = keys + 1; // the rows of one minute: a row for each key, and a row for the workspace

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(
  path = join(newFolder(), "latchkey.db"),
): Promise<{ usage: UsageDatabase; path: string }> {
  const usage = await openUsageDatabase(databaseAt(`file:${path}`));
  closing.push(usage.close);
  return { usage, path };
}

/** Counts and saves as the usage thread of a server does. `countAll` counts one verification of each key. */
function server(saved: () => void = () => undefined) {
  const counted = tally();
  const saver = countSaver(counted, saved);
  return {
    ...saver,
    countAll(atMs: number, credits = 0): void {
      for (let key = 0; key < keys; key += 1) {
        const event = { atMs, workspaceId: "ws_1", keyId: `key_${key}`, outcome: "VALID", credits, tags: [] };
        counted.add(event as never);
      }
    },
  };
}

async function storedIn({ rows }: UsageDatabase) {
  const [row] = await rows<{ rows: number; count: number }>(
    `select count(*) as "rows", coalesce(sum("count"), 0) as "count" from "usageMinutes"`,
  );
  return row;
}

const pendingIn = async ({ rows }: UsageDatabase) => (await rows(`select "id" from "usagePending"`)).length;

async function saveAllOf(
  { save, isHalfway }: ReturnType<typeof server>,
  usage: UsageDatabase,
  nowMs: number,
) {
  do await save(usage, nowMs);
  while (isHalfway());
}

/** Returns where a link leads, or an empty text if it no longer exists. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

describe("counts of many keys", () => {
  test("are added to their rows once a minute, and have a copy in `usagePending` in the meantime", async () => {
    const { usage, path } = await open();
    const killed = server();
    killed.countAll(t0);
    await saveAllOf(killed, usage, t0);
    expect(await storedIn(usage)).toEqual({ rows: total, count: 2 * keys });
    for (let second = 7; second < 56; second += 7) {
      killed.countAll(t0 + second * 1_000);
      await killed.save(usage, t0 + second * 1_000);
    }
    expect(await storedIn(usage)).toEqual({ rows: total, count: 2 * keys });
    const { usage: next } = await open(path);
    await addPending(next);
    expect(await storedIn(next)).toEqual({ rows: total, count: 2 * keys * 8 });
    expect(await pendingIn(next)).toBe(0);
  });

  test("are counted exactly once if the server is killed while it adds them to their rows", async () => {
    const { usage, path } = await open();
    const killed = server();
    for (const minute of [0, 1]) killed.countAll(t0 + minute * 60_000, 3);
    await killed.save(usage, t0 + 60_000);
    expect(killed.isHalfway()).toBe(true);
    const { usage: next } = await open(path);
    await addPending(next);
    await addPending(next);
    expect(await storedIn(next)).toEqual({ rows: 2 * total, count: 4 * keys });
    const [row] = await next.rows<{ credits: number }>(
      `select sum("credits") as "credits" from "usageMinutes"`,
    );
    expect(row?.credits).toBe(2 * keys * 2 * 3);
  });

  test("are stored exactly once if the function that receives the saved rows throws", async () => {
    const { usage } = await open();
    let calls = 0;
    const failing = server(() => {
      calls += 1;
      if (calls === 1) throw new Error("no memory left");
    });
    failing.countAll(t0);
    expect(await failing.saveAll(usage, t0).catch(String)).toBe("Error: no memory left");
    await failing.saveAll(usage, t0);
    expect([await pendingIn(usage), await storedIn(usage)]).toEqual([0, { rows: total, count: 2 * keys }]);
  });

  test("are no longer in `usagePending` when the server has saved them and stopped", async () => {
    const { usage } = await open();
    const stopped = server();
    stopped.countAll(t0);
    await saveAllOf(stopped, usage, t0);
    stopped.countAll(t0 + 1_000);
    await stopped.save(usage, t0 + 1_000);
    expect(await pendingIn(usage)).toBe(1);
    await stopped.saveAll(usage, t0 + 2_000);
    expect([await pendingIn(usage), await storedIn(usage)]).toEqual([0, { rows: total, count: 4 * keys }]);
  });

  test("are complete in a query about one key, and not added twice if the server is killed later", async () => {
    const { usage, path } = await open();
    const killed = server();
    killed.countAll(t0);
    await saveAllOf(killed, usage, t0);
    killed.countAll(t0 + 1_000);
    await killed.save(usage, t0 + 1_000);
    killed.countAll(t0 + 2_000);
    await killed.saveOnly(
      usage,
      t0 + 2_000,
      ({ kind, name }) => kind === subjectKinds.key && name === "key_7",
    );
    const subject = { kind: "key", id: "key_7" } as const;
    const span = { startMs: t0, endMs: t0 + 60_000, tag: undefined, by: undefined };
    const query = { workspaceId: "ws_1", subject, period: "minute", ...span } as const;
    expect((await queryUsage(usage, query)).map(({ count }) => count)).toEqual([3]);
    const { usage: next } = await open(path);
    await addPending(next);
    expect(await storedIn(next)).toEqual({ rows: total, count: 3 * 2 * keys });
  });

  test.skipIf(process.platform !== "linux")(
    "do not leave files open if they cannot be added when the server starts",
    async () => {
      const { usage, path } = await open();
      await writePending(usage, [{ id: 0, rows: [[1, 4, 1, 2, 0, 0, 1, 0]] }]);
      await usage.rows(
        `create trigger "failing" before insert on "usageMinutes" begin select raise(abort, 'no'); end`,
      );
      const openFiles = () =>
        readdirSync("/proc/self/fd").filter((file) => linkOf(`/proc/self/fd/${file}`).startsWith(path))
          .length;
      const database = databaseAt(`file:${path}`);
      const { ask, close } = startUsageThread({ database, maxBytes: 2 ** 30, eventsKeptMs: undefined });
      closing.push(close);
      const order = {
        kind: "add",
        text: "",
        lostUntilMs: undefined,
        nowMs: t0,
        steadyMs: undefined,
      } as const;
      await ask<"add">(order);
      const afterOne = openFiles();
      for (let attempt = 0; attempt < 10; attempt += 1) await ask<"add">(order);
      expect(openFiles()).toBe(afterOne);
      await usage.rows(`drop trigger "failing"`);
      await ask<"add">(order);
      expect([await pendingIn(usage), await storedIn(usage)]).toEqual([0, { rows: 1, count: 1 }]);
    },
  );

  test("are lost if their row in `usagePending` is damaged, but later counts are not", async () => {
    const { usage } = await open();
    await usage.rows(`insert into "usagePending" ("id", "body") values (0, x'00')`);
    await addPending(usage);
    const next = server();
    next.countAll(t0);
    await next.saveAll(usage, t0);
    expect([await pendingIn(usage), await storedIn(usage)]).toEqual([0, { rows: total, count: 2 * keys }]);
  });
});
