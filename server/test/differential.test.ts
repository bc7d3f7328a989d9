import { afterAll, beforeAll, expect, test } from "bun:test";
import { cleanUpTasks } from "../src/storage/cleanUp.ts";
import type { Tx } from "../src/storage/schema.ts";
import { engines, postgres, type Reply, startTest, type TestServer } from "./harness.ts";
import { type RandomCalls, randomCalls } from "./randomCalls.ts";

/** The number of calls. The environment variable `TEST_OPERATIONS` sets another one. */
const operations = Number(
  process.env["TEST_OPERATIONS"] ?? (process.env["CI"] === undefined ? 3_000 : 10_000),
);
const lanes = 12;
const callsBetweenSteps = 40;
const rowsAtOnce = 1_000;

const servers: TestServer[] = [];
beforeAll(async () => {
  servers.push(await startTest({ engine: engines[1] ?? postgres }), await startTest({ engine: postgres }));
});
afterAll(async () => {
  for (const server of servers) await server.stop();
});

/**
 * A workspace on one of the compared servers. Names such as `<key 3>` stand for what the server generates at random.
 */
type View = {
  send(call: { operation: string; body: string; idempotencyKey?: string }): Promise<Reply>;
  /** Returns the response with names in place of ids, keys and cursors. */
  seen(reply: Reply): string;
  names: string[];
};

const kinds: Record<string, string> = { key: "secret" };
const randomId =
  /\b(?:ks|hold|mov|grant|id|key|api|perm|role|rlns|rlor|rl|req|log|ws|root|mig)_[0-9A-Za-z]{22}\b/g;

async function viewOf(server: TestServer): Promise<View> {
  const workspaceId = await server.makeWorkspace();
  const rootKey = await server.makeRootKey(["*"], { workspaceId });
  const nameOf = new Map<string, string>();
  const chosenAs = new Map<string, string>();
  const names: string[] = [];
  const name = (value: string, kind: string): string => {
    const known = nameOf.get(value);
    if (known !== undefined) return known;
    const given = `<${kind} ${names.filter((one) => one.startsWith(`<${kind} `)).length}>`;
    nameOf.set(value, given);
    chosenAs.set(given, value);
    names.push(given);
    return given;
  };
  return {
    names,
    send({ operation, body, idempotencyKey }) {
      const resolved = body.replace(/<[a-z]+ \d+>/g, (given) => chosenAs.get(given) ?? "nothing");
      const headers: Record<string, string> =
        idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
      return server.call(operation, resolved, { rootKey, headers });
    },
    seen(reply) {
      const text = reply.text
        .replaceAll(server.url, "")
        .replace(
          /"(key|cursor)":"([^"]+)"/g,
          (_, field, value) => `"${field}":"${name(value, kinds[field] ?? field)}"`,
        )
        .replace(/"start":"[^"]*"/g, '"start":"…"')
        .replace(randomId, (id) => name(id, id.slice(0, id.indexOf("_"))));
      return `${reply.status} ${reply.headers.get("idempotent-replayed") ?? ""} ${text}`;
    },
  };
}

/**
 * Sends `count` random calls to both servers. Returns the first call to which their responses differ, and where they
 * differ.
 */
async function compare(views: readonly View[], calls: RandomCalls, count: number): Promise<string[]> {
  for (let sent = 0; sent < count; sent += 1) {
    const call = calls(views[0]?.names ?? []);
    const replies = await Promise.all(views.map((view) => view.send(call)));
    const responses = views.map((view, index) => view.seen(replies[index] as Reply));
    for (const { status } of replies) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (new Set(responses).size > 1) return [call.operation, call.body, ...aroundDifference(responses)];
  }
  return [];
}

/** Returns the part of each response around the first character in which they differ. */
function aroundDifference([one = "", other = ""]: readonly string[]): string[] {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return [one, other].map((response) => response.slice(Math.max(0, at - 300), at + 300));
}

/** Deletes all that the server's clean-up, which runs once a minute, would delete now. */
async function cleanUpNow({ services, clock }: TestServer): Promise<void> {
  const { always, byAge } = cleanUpTasks(undefined, services.usage.record);
  const tasks = [...always, ...byAge.map((task) => (tx: Tx, limit: number) => task(tx, clock.nowMs, limit))];
  for (const task of tasks) {
    while ((await services.engine.transaction((tx) => task(tx, rowsAtOnce))) === rowsAtOnce);
  }
}

const statuses = new Map<number, number>();

test(
  "SQLite with its clean-up after each step and PostgreSQL without it give the same responses to the same calls",
  async () => {
    const seed = Number(process.env["TEST_SEED"] ?? Date.now() % 1_000_000);
    const all = await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => ({
        views: await Promise.all(servers.map(viewOf)),
        calls: randomCalls(seed + lane),
      })),
    );
    for (let done = 0; done < operations; done += lanes * callsBetweenSteps) {
      const differences = await Promise.all(
        all.map(({ views, calls }) => compare(views, calls, callsBetweenSteps)),
      );
      expect({ seed, differences: differences.filter((one) => one.length > 0) }).toEqual({
        seed,
        differences: [],
      });
      await cleanUpNow(servers[0] as TestServer);
      for (const { clock } of servers) clock.advance(done % 5 === 0 ? 3_600_000 : 700);
    }
    console.info(`seed ${seed}: ${JSON.stringify(Object.fromEntries(statuses))}`);
    expect(statuses.get(200) ?? 0).toBeGreaterThan(operations / 2);
    expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
  },
  60_000 + operations * 20,
);
