/**
 * Tests what docs/operating/sqlite-to-postgresql.md says: a switch from SQLite to PostgreSQL and back under constant
 * traffic.
 */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { openBulk } from "../../src/storage/engines/bulk.ts";
import { databaseAt } from "../databaseAt.ts";
import type { Reply } from "../harness.ts";
import { type Node, newRootKey, startNode } from "../nodes/node.ts";
import { newFolder, runProgram, startProgram } from "../program.ts";
import { type RedisServer, startRedisServer } from "../redisServer.ts";
import { sharedCluster } from "../services.ts";
import { until } from "../until.ts";

setDefaultTimeout(120_000);

const cluster = await sharedCluster();
const folder = newFolder();
const rootKey = newRootKey();
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Place = { databaseUrl: string; environment: Record<string, string> };

const inFile = (name: string): Place => ({
  databaseUrl: `file:${join(folder, name)}`,
  environment: { ALLOW_LOCAL_COUNTERS: "" },
});
const inPostgres = async (): Promise<Place> => ({
  databaseUrl: await cluster.makeBare(),
  environment: { REDIS_URL: redis.url, ALLOW_LOCAL_COUNTERS: "" },
});
const startOn = (place: Place) => startNode({ rootKey, ...place });

/** Returns the arguments that make `latchkey` copy to this place: to its database, and to its Redis if it has one. */
const copyWords = ({ databaseUrl, environment }: Place, ...more: string[]) => [
  "copy",
  "--to",
  databaseUrl,
  ...(environment["REDIS_URL"] === undefined ? [] : ["--to-redis", environment["REDIS_URL"]]),
  ...more,
];
const env = ({ databaseUrl, environment }: Place) => ({ DATABASE_URL: databaseUrl, ...environment });

const credits = 3_000;
const limit = { namespace: "sms", identifier: "user", limit: 3_000, duration: 86_400_000 };

/** Calls the nodes that serve at the time, without a pause. Repeats calls that were refused or got no response. */
async function startTraffic(nodes: Node[]) {
  let current = nodes;
  let calls = 0;
  let ending = false;
  const send = (operation: string, body: object) => {
    calls += 1;
    return current[calls % current.length]?.call(operation, body) as Promise<Reply>;
  };
  const { apiId } = (await send("apis.createApi", { name: "payments" })).body.data;
  const make = async (more: object): Promise<{ keyId: string; key: string }> =>
    (await send("keys.createKey", { apiId, ...more })).body.data;
  const paid = await make({ credits: { remaining: credits } });
  const free = await make({});
  await send("ratelimit.limit", limit);
  const seen = { keys: [free], spent: 0, admitted: 1, unknown: 0, refusals: 0, wrong: [] as unknown[] };

  const work: Record<string, () => Promise<void>> = {
    async create() {
      const { status, body } = await send("keys.createKey", { apiId });
      if (status === 200) seen.keys.push(body.data);
      else if (status === 503) seen.refusals += 1;
      else if (status !== 0) seen.wrong.push(body);
    },
    async spend() {
      const { status, body } = await send("keys.verifyKey", { key: paid.key });
      if (status === 200 && body.data.valid) seen.spent += 1;
      else if (status === 200 && body.data.code !== "USAGE_EXCEEDED") seen.wrong.push(body);
    },
    async verify() {
      const { status, body } = await send("keys.verifyKey", { key: free.key });
      if (status !== 0 && body.data?.valid !== true) seen.wrong.push(body);
    },
    async limit() {
      const { status, body } = await send("ratelimit.limit", limit);
      if (status === 200 && body.data.success) seen.admitted += 1;
      if (status === 0) seen.unknown += 1;
    },
  };
  const running = Object.values(work).map(async (one) => {
    while (!ending) {
      await one();
      await Bun.sleep(2);
    }
  });
  return {
    seen,
    send,
    paid,
    moveTo(others: Node[]) {
      current = others;
    },
    /** Resolves when that many more calls have been sent. */
    async more(count: number) {
      const until_ = calls + count;
      await until(() => calls >= until_);
    },
    async end() {
      ending = true;
      await Promise.all(running);
    },
  };
}

type Traffic = Awaited<ReturnType<typeof startTraffic>>;

/** Takes the steps that the page describes. Returns the nodes that serve from the target. */
async function switchOver(traffic: Traffic, nodes: Node[], from: Place, to: Place): Promise<Node[]> {
  const copied = await runProgram(copyWords(to), { env: env(from) });
  expect([copied.code, copied.stderr.includes("rror")]).toEqual([0, false]);
  expect(copied.stdout).toMatch(/keys +\d+ rows {2}[0-9a-f]{32}\n/);
  expect(copied.stdout).toMatch(/The source has been read-only for \d+\.\d s/);
  await traffic.more(20); // shows that the source still verifies
  for (const node of nodes) node.signal("SIGINT");
  await Promise.all(nodes.map((node) => node.ended));
  const counters = await runProgram(copyWords(to, "--only-counters"), { env: env(from) });
  expect(counters.stdout).toMatch(/^counters: [1-9]\d* \(only of windows longer than a minute\)\n$/);
  const started = [await startOn(to)];
  if (to.databaseUrl.startsWith("postgres")) started.push(await startOn(to));
  traffic.moveTo(started);
  await traffic.more(200);
  return started;
}

test("a switch to PostgreSQL and one back lose no acknowledged write, and grant no credit and no limit twice", async () => {
  const [first, second, third] = [inFile("first.db"), await inPostgres(), inFile("third.db")];
  let nodes = [await startOn(first)];
  const traffic = await startTraffic(nodes);
  await traffic.more(300);
  nodes = await switchOver(traffic, nodes, first, second);
  expect(traffic.seen.refusals).toBeGreaterThan(0);
  nodes = await switchOver(traffic, nodes, second, third);
  await traffic.end();

  const { seen, send, paid } = traffic;
  expect(seen.wrong).toEqual([]);
  const lost: string[] = [];
  for (const { keyId, key } of seen.keys) {
    const { data } = (await send("keys.verifyKey", { key })).body;
    if (!data.valid || data.keyId !== keyId) lost.push(keyId);
  }
  expect(lost).toEqual([]);
  // the credits that are left are exactly those that no verification was granted
  const { data } = (await send("keys.getKey", { keyId: paid.keyId })).body;
  expect(data.credits.remaining).toBe(credits - seen.spent);
  const left = (await send("ratelimit.limit", { ...limit, cost: 0 })).body.data.remaining;
  expect(left).toBeLessThanOrEqual(limit.limit - seen.admitted);
  expect(left).toBeGreaterThanOrEqual(limit.limit - seen.admitted - seen.unknown);
  for (const node of nodes) await node.kill();
});

test("a copy that is killed frees its source, leaves a target that serve refuses, and succeeds when it is repeated", async () => {
  const [from, to] = [inFile("killed.db"), { ...(await inPostgres()), databaseUrl: await cluster.make() }];
  const node = await startOn(from);
  const write = (externalId: string) => node.call("identities.createIdentity", { externalId });
  const end = async (place: Place) => {
    const db = await openBulk(databaseAt(place.databaseUrl));
    await db.rows(`update "copies" set "leaseUntilMs" = 0`); // as if its lease of half a minute had expired
    await db.close();
  };
  expect((await write("before")).status).toBe(200);
  const client = new SQL(to.databaseUrl, { max: 1 });
  // makes the copy wait for this lock
  await client.unsafe(`begin; lock table "auditEvents" in share row exclusive mode`);
  const copy = startProgram(copyWords(to), { env: env(from) });
  await until(() => copy.stderr().includes("roles") || copy.stderr().includes("identities: 1 rows"));
  expect((await write("during")).status).toBe(503);
  copy.child.kill("SIGKILL");
  await copy.ended;
  await client.close();

  expect((await write("at-once")).status).toBe(503);
  await end(from);
  expect((await write("after")).status).toBe(200);
  const refused = await runProgram(["serve"], { env: env(to) });
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/^The database is an incomplete copy of file:\S+, begun at /),
  ]);
  await end(to);
  expect((await runProgram(copyWords(to), { env: env(from) })).code).toBe(0);
  const target = await startOn(to);
  for (const identity of ["before", "after"]) {
    expect((await target.call("identities.getIdentity", { identity })).status).toBe(200);
  }
  await Promise.all([node.kill(), target.kill()]);
});
