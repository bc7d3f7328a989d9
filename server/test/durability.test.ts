/** Tests on SQLite that kills and full disks lose no acknowledged write. powerCut.ts tests power cuts. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { callServer, newFolder, runProgram, type Serving, startServing } from "./program.ts";
import { until } from "./until.ts";

setDefaultTimeout(120_000);

const rootKey = "root-key-of-the-durability-tests-0123456789";

/** What the writers record about their writes. Each writes until the server is killed. */
type Books = {
  /** external ids whose creation was acknowledged */
  created: string[];
  /** spends that were granted */
  spent: number;
  /** spends that were sent and got no response */
  unconfirmed: number;
};

async function writeUntilGone(server: Serving, key: string, books: Books, caller: string): Promise<void> {
  try {
    for (let round = 0; ; round += 2) {
      await create(server, books, `${caller}_${round}`, round);
      await spend(server, books, key);
    }
  } catch {
    // the server has ended
  }
}

async function create(server: Serving, books: Books, externalId: string, round: number): Promise<void> {
  const identity = { externalId, meta: { round } };
  const { body } = await callServer(server.url, rootKey, "identities.createIdentity", identity);
  if (body.data.identityId !== undefined) books.created.push(externalId);
}

async function spend(server: Serving, books: Books, key: string): Promise<void> {
  books.unconfirmed += 1;
  const { body } = await callServer(server.url, rootKey, "keys.verifyKey", { key });
  books.unconfirmed -= 1;
  if (body.data.valid === true) books.spent += 1;
}

/** Returns what a restarted server would find in the database. Fails if the database is damaged. */
function stored(path: string): { externalIds: Set<string>; remaining: number } {
  const database = new Database(path, { readwrite: true, create: false });
  expect(database.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  const identities = database
    .query<{ externalId: string }, []>(`select "externalId" from "identities"`)
    .all();
  const balance = database.query<{ remaining: number }, []>(`select "remaining" from "balances"`).get();
  database.close();
  return {
    externalIds: new Set(identities.map((row) => row.externalId)),
    remaining: balance?.remaining ?? 0,
  };
}

test("20 kills during more than 5,000 acknowledged writes lose none of them, and no credit is spent twice", async () => {
  const path = join(newFolder(), "latchkey.db");
  const env = { DATABASE_URL: `file:${path}`, LATCHKEY_ROOT_KEY: rootKey, LOG_LEVEL: "error" };
  const credits = 1_000_000;
  const books: Books = { created: [], spent: 0, unconfirmed: 0 };
  let key = "";
  const kills = 20;
  for (let life = 1; life <= kills; life += 1) {
    const server = await startServing({ env });
    if (life === 1) {
      const { apiId } = (await callServer(server.url, rootKey, "apis.createApi", { name: "payments" })).body
        .data;
      const made = await callServer(server.url, rootKey, "keys.createKey", {
        apiId,
        credits: { remaining: credits },
      });
      key = made.body.data.key;
    }
    const writers = Array.from({ length: 24 }, (_, caller) =>
      writeUntilGone(server, key, books, `u${life}_${caller}`),
    );
    const enough = life * 270;
    await until(() => books.created.length + books.spent >= enough, 60_000);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20)); // so that each kill hits another moment
    server.child.kill("SIGKILL");
    await Promise.all([server.ended, ...writers]);

    const { externalIds, remaining } = stored(path);
    expect(books.created.filter((one) => !externalIds.has(one))).toEqual([]);
    expect(remaining).toBeLessThanOrEqual(credits - books.spent);
    expect(remaining).toBeGreaterThanOrEqual(credits - books.spent - books.unconfirmed);
  }
  expect(books.created.length + books.spent).toBeGreaterThan(5_000);
  const last = await startServing({ env });
  const identity = books.created.at(-1) ?? "";
  expect((await callServer(last.url, rootKey, "identities.getIdentity", { identity })).status).toBe(200);
  last.child.kill("SIGINT");
  expect((await last.ended).code).toBe(0);
});

describe("on a disk that fills up", () => {
  const disk = newFolder();
  const filler = join(disk, "filler");
  beforeAll(() => {
    const mounting = spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "none", disk], { encoding: "utf8" });
    if (mounting.status === 0) return;
    throw new Error(
      `this test needs a small disk of its own, so root and the right to mount: ${mounting.stderr}`,
    );
  });
  afterAll(() => {
    spawnSync("umount", ["--lazy", disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  const fillUp = () => {
    const { bavail, bsize } = statfsSync(disk);
    appendFileSync(filler, new Uint8Array(bavail * bsize));
  };

  test("writes are 503, reads and verifications succeed, writes succeed again when there is space, and nothing is lost", async () => {
    const path = join(disk, "data", "latchkey.db");
    const env = { DATABASE_URL: `file:${path}`, LATCHKEY_ROOT_KEY: rootKey };
    const server = await startServing({ env });
    const call = (operation: string, body: unknown) => callServer(server.url, rootKey, operation, body);
    const ratelimits = [{ name: "requests", limit: 1_000_000, duration: 60_000, autoApply: true }];
    await call("identities.createIdentity", { externalId: "known", ratelimits });
    const { apiId } = (await call("apis.createApi", { name: "payments" })).body.data;
    const plain = (await call("keys.createKey", { apiId, externalId: "known" })).body.data.key;
    const finite = (await call("keys.createKey", { apiId, credits: { remaining: 100 } })).body.data.key;

    const created: string[] = [];
    let refusals = 0;
    const meta = { padding: "x".repeat(20_000) };
    for (let i = 0; refusals < 20; i += 1) {
      const externalId = `user_${i}`;
      const { status, headers, body } = await call("identities.createIdentity", { externalId, meta });
      if (status === 200) created.push(externalId);
      else {
        expect([status, headers.get("retry-after"), body.error.title]).toEqual([
          503,
          "1",
          "Service Unavailable",
        ]);
        refusals += 1;
      }
    }
    // after larger writes were refused, the log still has a little space for small ones
    let granted = 0;
    await until(async () => {
      fillUp();
      const { status } = await call("keys.verifyKey", { key: finite });
      if (status === 200) granted += 1;
      return status === 503;
    });
    expect((await call("apis.createApi", { name: "refused" })).status).toBe(503);
    expect((await call("identities.deleteIdentity", { identity: "known" })).status).toBe(503);
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // meanwhile, SQLite tries to empty its log, and fails
    for (let i = 0; i < 20; i += 1) {
      expect((await call("keys.verifyKey", { key: plain })).body.data).toMatchObject({
        valid: true,
        code: "VALID",
      });
      expect((await call("identities.getIdentity", { identity: created[i % created.length] })).status).toBe(
        200,
      );
      expect((await call("identities.listIdentities", { limit: 5 })).body.data).toHaveLength(5);
      expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    }

    expect(spawnSync("mount", ["-o", "remount,size=24m", disk]).status).toBe(0);
    await until(async () => {
      const { status } = await call("identities.createIdentity", { externalId: `again_${Math.random()}` });
      return status === 200;
    }, 5_000);
    expect((await call("keys.verifyKey", { key: finite })).body.data).toMatchObject({
      valid: true,
      credits: 100 - granted - 1,
    });
    for (const identity of [...created, "known"]) {
      expect((await call("identities.getIdentity", { identity })).status).toBe(200);
    }
    server.child.kill("SIGINT");
    const { code, stdout, stderr } = await server.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain("rror");
    expect(stdout).not.toContain('"code":"unexpected_error"');
    const { externalIds } = stored(path);
    expect(created.filter((one) => !externalIds.has(one))).toEqual([]);
    expect(readFileSync(path).byteLength).toBeGreaterThan(0);
  });

  test.each([
    { end: "a kill", signal: "SIGKILL", fullBefore: true },
    { end: "a stop", signal: "SIGINT", fullBefore: true },
    { end: "a stop before it was full", signal: "SIGINT", fullBefore: false },
  ] as const)(
    "a server starts again after $end, verifies and reads, and accepts writes when there is space",
    async ({ signal, fullBefore }) => {
      expect(spawnSync("mount", ["-o", "remount,size=24m", disk]).status).toBe(0);
      for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true });
      const path = join(disk, "latchkey.db");
      const env = { DATABASE_URL: `file:${path}`, LATCHKEY_ROOT_KEY: rootKey };
      const first = await startServing({ env });
      const call = (server: Serving, operation: string, body: unknown) =>
        callServer(server.url, rootKey, operation, body);
      const { apiId } = (await call(first, "apis.createApi", { name: "payments" })).body.data;
      const { key, keyId } = (await call(first, "keys.createKey", { apiId })).body.data;
      expect((await call(first, "keys.verifyKey", { key })).body.data.valid).toBe(true);
      // a key has a lastUsedAt when its usage is stored, so the usage file exists from here on
      expect((await call(first, "keys.getKey", { keyId })).body.data.lastUsedAt).toBeNumber();
      const created: string[] = [];
      for (let refused = false; !refused && (fullBefore || created.length < 20); ) {
        const externalId = `user_${created.length}`;
        const { status } = await call(first, "identities.createIdentity", {
          externalId,
          meta: { padding: "x".repeat(20_000) },
        });
        if (status === 200) created.push(externalId);
        else refused = true;
      }
      if (fullBefore) fillUp();
      first.child.kill(signal);
      await first.ended;
      expect((await runProgram(["root-key", "list"], { env })).code).toBe(0);
      fillUp(); // fills the space that the stopped servers have freed

      const again = await startServing({ env });
      expect((await call(again, "keys.verifyKey", { key })).body.data.valid).toBe(true);
      for (const identity of [created[0], created.at(-1)]) {
        expect((await call(again, "identities.getIdentity", { identity })).status).toBe(200);
      }
      expect((await call(again, "identities.listIdentities", { search: "user_1" })).status).toBe(200);
      expect((await call(again, "keys.getKey", { keyId })).body.data.lastUsedAt).toBeNumber();
      const refused = await until(async () => {
        const meta = { padding: "y".repeat(20_000) };
        const externalId = `late_${Math.random()}`;
        const reply = await call(again, "identities.createIdentity", { externalId, meta });
        return reply.status === 200 ? undefined : reply;
      });
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);

      expect(spawnSync("mount", ["-o", "remount,size=48m", disk]).status).toBe(0);
      const resumed = async () => {
        const { status } = await call(again, "identities.createIdentity", { externalId: "late" });
        return status === 200 ? true : undefined;
      };
      await until(resumed, 5_000);
      again.child.kill("SIGINT");
      expect((await again.ended).code).toBe(0);
      const { externalIds } = stored(path);
      expect(created.filter((one) => !externalIds.has(one))).toEqual([]);
    },
  );

  test("a first start on a full disk ends with one sentence, leaves no part of a root key, and succeeds when there is space", async () => {
    for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true });
    fillUp();
    const env = { DATABASE_URL: `file:${join(disk, "new.db")}`, PORT: "0" };
    const { code, stderr } = await runProgram(["serve"], { env });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^The .+ (is full|\(ENOSPC\))\.\n$/)]);
    expect(existsSync(join(disk, "root-key"))).toBe(false);
    rmSync(filler);
    const server = await startServing({ env });
    expect(readFileSync(join(disk, "root-key"), "utf8")).toMatch(/^latchkey_root_\w+\n$/);
    server.child.kill("SIGINT");
    expect((await server.ended).code).toBe(0);
  });
});
