import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { RedisClient } from "bun";
import { databaseAt } from "../../test/databaseAt.ts";
import { newFolder } from "../../test/program.ts";
import { freshWindow, openRedisNode } from "../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../test/redisServer.ts";
import { sharedCluster } from "../../test/services.ts";
import { journaledCounters } from "../counters/memory/journal.ts";
import type { Window } from "../domain/windows.ts";
import { monotonicMs } from "../runtime.ts";
import { migrateStorage, openStorage } from "../storage/open.ts";
import { copyEverything, resumeSource } from "./copy.ts";
import { type CounterPlace, type CounterTask, copyCounters } from "./counters.ts";
import { copyCountersAgain } from "./countersAgain.ts";

setDefaultTimeout(60_000);

const folder = newFolder();
const cluster = await sharedCluster();
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

async function flush(): Promise<void> {
  const client = new RedisClient(redis.url);
  await client.send("FLUSHALL", []);
  client.close();
}

let files = 0;
const newFile = () => {
  files += 1;
  return { kind: "file", path: join(folder, `${files}.db`) } as const;
};
type File = ReturnType<typeof newFile>;

const inRedis = async (): Promise<CounterPlace> => ({
  database: databaseAt(await cluster.makeBare()),
  redisUrl: redis.url,
});
const inFile = async (): Promise<CounterPlace> => ({ database: newFile(), redisUrl: undefined });

/** Hits windows as a server that runs on this database would. */
async function count({ database, redisUrl }: CounterPlace, windows: readonly Window[]): Promise<void> {
  if (redisUrl !== undefined) {
    const { counters } = await openRedisNode(redisUrl);
    await counters.hit(windows);
    return counters.close();
  }
  const path = `${(database as File).path}.counters`;
  const onProblem = (sentence: string) => {
    throw new Error(sentence);
  };
  const counters = await journaledCounters({ path, nowMs: monotonicMs, maxBytes: 2 ** 20, onProblem });
  counters.hit(windows);
  await counters.close();
}

/** How much of a window a server would see as used if it started on this database now. */
async function used({ database, redisUrl }: CounterPlace, window: Window): Promise<number | undefined> {
  if (redisUrl !== undefined) {
    const { counters } = await openRedisNode(redisUrl);
    const [found] = await counters.peek([window]);
    await counters.close();
    return found?.used;
  }
  const path = `${(database as File).path}.counters`;
  const counters = await journaledCounters({
    path,
    nowMs: monotonicMs,
    maxBytes: 2 ** 20,
    onProblem: () => undefined,
  });
  const [found] = counters.peek([window]);
  await counters.close();
  return found?.used;
}

const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "it succeeded",
    (error: Error) => error.message,
  );

describe.each([
  { name: "Redis", place: inRedis },
  { name: "a file", place: inFile },
])("counters that are copied again to $name", ({ place }) => {
  const source = newFile();
  let target: CounterPlace;
  let task: CounterTask;
  let window: Window;
  beforeEach(async () => {
    await flush();
    target = await place();
    task = {
      source: { database: source, redisUrl: undefined },
      target,
      maxBytes: 2 ** 20,
      nowMs: monotonicMs,
    };
    window = freshWindow({ durationMs: 3_600_000, limit: 100 });
    await migrateStorage(source);
    await count(task.source, [window]);
  });

  const copyAll = () =>
    copyEverything({
      source,
      target: target.database,
      copyCounters: (database) => copyCounters({ ...task, target: { ...target, database } }),
      isStopRequested: () => false,
      progress: () => undefined,
    });

  test("replace the counters of the earlier copy, also after a second copy to another target", async () => {
    for (let copies = 1; copies <= 2; copies += 1) {
      await copyAll();
      await count(task.source, [window]);
      expect(await copyCountersAgain(task, false)).toMatch(
        /^counters: \d+ \(only of windows longer than a minute\)$/,
      );
      expect(await used(target, window)).toBe(copies + 1);
      await flush();
      target = await place();
      task = { ...task, target };
    }
    await resumeSource(source);
  });

  test("are refused if the target has counted since the copy, unless the operator asks to replace its counters", async () => {
    await copyAll();
    await count(target, [window]);
    await count(task.source, [window]);
    const message = await failureOf(copyCountersAgain(task, false));
    expect(message).toMatch(
      /since this database was copied to it\. A copy would replace 1 of its counters.+ --replace-counters/,
    );
    expect(await used(target, window)).toBe(2);
    await copyCountersAgain(task, true);
    expect(await used(target, window)).toBe(2);
    await resumeSource(source);
  });

  test("are refused if the target has counters and is not a copy of this database", async () => {
    await migrateStorage(target.database);
    await copyCountersAgain(task, false); // allowed, because the target has no counters yet
    await count(target, [window]);
    const message = await failureOf(copyCountersAgain(task, false));
    expect(message).toMatch(/although this database was not copied to it/);
  });
});

test("counters are not copied to a SQLite database while a server runs on it, not even with `replace`", async () => {
  const database = newFile();
  const source = { database: newFile(), redisUrl: undefined };
  await migrateStorage(source.database);
  const server = await openStorage(database, { serving: true, connections: 1, monotonicMs });
  const task = { source, target: { database, redisUrl: undefined }, maxBytes: 2 ** 20, nowMs: monotonicMs };
  expect(await failureOf(copyCountersAgain(task, true))).toContain("Another Latchkey server already serves");
  await server.close();
});
