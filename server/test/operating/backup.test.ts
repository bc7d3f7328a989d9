/** Tests what docs/operating/backup-and-restore.md says: a backup during writes, and a server on the copy. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Node, newRootKey, startNode } from "../nodes/node.ts";
import { createDatabase, newFolder, runProgram, startProgram } from "../program.ts";
import { type Services, startServices } from "../services.ts";
import { until } from "../until.ts";

setDefaultTimeout(60_000);

const rootKey = newRootKey();
const settings = { ALLOW_LOCAL_COUNTERS: "true", METRICS_ADDRESS: "" };
const startOn = (databaseUrl: string) => startNode({ databaseUrl, rootKey, environment: settings });

/** Starts writers that create identities until `end` is called. */
function writers(node: Node) {
  const acknowledged: string[] = [];
  let ending = false;
  let created = 0;
  const work = Array.from({ length: 8 }, async () => {
    while (!ending) {
      created += 1;
      const externalId = `user_${created}`;
      const { status } = await node.call("identities.createIdentity", { externalId, meta: { plan: "pro" } });
      if (status === 200) acknowledged.push(externalId);
    }
  });
  return {
    acknowledged,
    async end() {
      ending = true;
      await Promise.all(work);
    },
  };
}

/** Backs up during writes. Returns the identities that were acknowledged before the backup started. */
async function backUpWhileWriting(node: Node, backUp: () => Promise<void>): Promise<string[]> {
  const { acknowledged, end } = writers(node);
  while (acknowledged.length < 200) await Bun.sleep(10);
  const before = [...acknowledged];
  await backUp();
  const during = acknowledged.length - before.length;
  await end();
  expect(during).toBeGreaterThan(0); // there were writes during the backup
  return before;
}

async function expectAll(node: Node, externalIds: readonly string[], key: string): Promise<void> {
  const missing: string[] = [];
  for (const identity of externalIds) {
    const { status } = await node.call("identities.getIdentity", { identity });
    if (status !== 200) missing.push(identity);
  }
  expect(missing).toEqual([]);
  expect((await node.call("keys.verifyKey", { key })).body.data).toMatchObject({ valid: true });
}

async function makeKey(node: Node): Promise<string> {
  const { apiId } = (await node.call("apis.createApi", { name: "payments" })).body.data;
  return (await node.call("keys.createKey", { apiId })).body.data.key;
}

describe("a SQLite database", () => {
  const folder = newFolder();
  const url = `file:${join(folder, "latchkey.db")}`;
  const backupFolder = join(folder, "backup");
  const backup = (...words: string[]) => runProgram(["backup", ...words], { env: { DATABASE_URL: url } });

  test("is copied by latchkey backup during writes, and the copy has every write that was acknowledged before the backup", async () => {
    const node = await startOn(url);
    const key = await makeKey(node);
    const before = await backUpWhileWriting(node, async () => {
      const { code, stdout } = await backup(backupFolder);
      expect([code, stdout.trim().split("\n")]).toEqual([
        0,
        [join(backupFolder, "latchkey.db"), join(backupFolder, "latchkey.db-usage")],
      ]);
    });
    expect(statSync(join(backupFolder, "latchkey.db")).mode & 0o777).toBe(0o600);

    await node.kill();
    const restored = `file:${join(folder, "restored", "latchkey.db")}`;
    const { code, stderr } = await runProgram(["restore", join(backupFolder, "latchkey.db")], {
      env: { DATABASE_URL: restored },
    });
    expect([code, stderr]).toEqual([0, ""]);
    const again = await startOn(restored);
    await expectAll(again, before, key);
    await again.kill();
  });

  test("is not copied over another backup, and a failed backup is reported in one sentence", async () => {
    expect(await backup(backupFolder)).toMatchObject({
      code: 1,
      stderr: `${join(backupFolder, "latchkey.db")} already exists. Choose another folder.\n`,
    });
    expect((await backup()).stderr).toBe("Usage: latchkey backup <folder>.\n");
    writeFileSync(join(folder, "file"), "");
    expect((await backup(join(folder, "file"))).code).toBe(1);
    const elsewhere = (DATABASE_URL: string) => runProgram(["backup", "/x"], { env: { DATABASE_URL } });
    expect((await elsewhere("postgres://a@b/c")).stderr).toContain("Use pg_dump for PostgreSQL");
    const nowhere = join(folder, "nowhere.db");
    expect((await elsewhere(`file:${nowhere}`)).stderr).toBe(`There is no database at ${nowhere}.\n`);
    expect(existsSync(nowhere)).toBe(false);
  });
});

test.skipIf(Bun.which("litestream") === null)(
  "a database that Litestream has replicated is restored with its writes",
  async () => {
    const folder = newFolder();
    const [path, replica] = [join(folder, "latchkey.db"), `file://${join(folder, "replica")}`];
    const node = await startOn(`file:${path}`);
    const key = await makeKey(node);
    const litestream = Bun.spawn(["litestream", "replicate", path, replica], {
      stderr: "ignore",
      stdout: "ignore",
    });
    await node.call("identities.createIdentity", { externalId: "user_1" });
    const restored = await until(async () => {
      const copy = join(newFolder(), "latchkey.db");
      const child = Bun.spawn(["litestream", "restore", "-o", copy, replica], { stderr: "ignore" });
      if ((await child.exited) !== 0) return false;
      const database = new Database(copy, { readonly: true });
      const found = database.query(`select 1 from "identities" where "externalId" = 'user_1'`).get();
      database.close();
      return found !== null && copy;
    });
    litestream.kill();
    await litestream.exited;
    await node.kill();
    const target = `file:${join(folder, "restored", "latchkey.db")}`;
    expect(await runProgram(["restore", restored], { env: { DATABASE_URL: target } })).toMatchObject({
      code: 0,
    });
    const again = await startOn(target);
    await expectAll(again, ["user_1"], key);
    await again.kill();
  },
);

/** Creates a database that is so large that copying it takes a while. */
async function bigDatabase(): Promise<string> {
  const path = join(newFolder(), "latchkey.db");
  await createDatabase(`file:${path}`);
  const database = new Database(path, { readwrite: true, create: false });
  database.run(`create table "filler" ("bytes" blob) strict`);
  for (let i = 0; i < 100; i += 1) database.run(`insert into "filler" values (randomblob(1048576))`);
  database.close();
  return path;
}

describe("an interrupted backup of SQLite", () => {
  test.each([
    { signal: "SIGTERM", code: 143, leaves: false },
    { signal: "SIGINT", code: 130, leaves: false },
    { signal: "SIGKILL", code: null, leaves: true },
  ] as const)(
    "by $signal leaves no file with the name of a backup, and the next backup succeeds and cleans up",
    async ({ signal, code, leaves }) => {
      const path = await bigDatabase();
      const env = { DATABASE_URL: `file:${path}` };
      const folder = join(newFolder(), "backup");
      const files = () => (existsSync(folder) ? readdirSync(folder) : []);
      const first = startProgram(["backup", folder], { env });
      await until(() => {
        const copies = files().flatMap((name) =>
          readdirSync(join(folder, name)).map((copy) => join(name, copy)),
        );
        return copies.some(
          (copy) => (statSync(join(folder, copy), { throwIfNoEntry: false })?.size ?? 0) > 0,
        );
      });
      first.child.kill(signal);
      expect((await first.ended).code).toBe(code);
      expect(files().length > 0).toBe(leaves);
      expect(files().filter((name) => /^latchkey\.db(-usage)?$/.test(name))).toEqual([]);

      expect(await runProgram(["backup", folder], { env })).toMatchObject({ code: 0, stderr: "" });
      expect(files().sort()).toEqual(["latchkey.db", "latchkey.db-usage"]);
      const copy = new Database(join(folder, "latchkey.db"), { readonly: true });
      expect(copy.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
      copy.close();
    },
  );

  describe("on a full disk", () => {
    const disk = newFolder();
    const fillUp = () => {
      const { bavail, bsize } = statfsSync(disk);
      appendFileSync(join(disk, "filler"), new Uint8Array(bavail * bsize));
    };
    beforeAll(() => {
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=6m", "none", disk]).status).toBe(0);
    });
    afterAll(() => void spawnSync("umount", ["--lazy", disk]));

    test("is reported in one sentence and leaves no file", async () => {
      const path = await bigDatabase();
      const env = { DATABASE_URL: `file:${path}` };
      expect(await runProgram(["backup", join(disk, "backup")], { env })).toMatchObject({
        code: 1,
        stdout: "",
        stderr: `The backup could not be written to ${join(disk, "backup")}: database or disk is full.\n`,
      });
      expect(readdirSync(join(disk, "backup"))).toEqual([]);
    });

    test("succeeds if only the disk of the source is full", async () => {
      const path = join(disk, "latchkey.db");
      const env = { DATABASE_URL: `file:${path}` };
      await createDatabase(env.DATABASE_URL);
      expect((await runProgram(["usage", "export"], { env })).code).toBe(0);
      fillUp();
      const folder = newFolder();
      expect(await runProgram(["backup", folder], { env })).toMatchObject({ code: 0, stderr: "" });
      expect(readdirSync(folder).sort()).toEqual(["latchkey.db", "latchkey.db-usage"]);
    });

    test("reports in one sentence that the disk of the source has no space for a missing usage file", async () => {
      const path = join(disk, "latchkey.db");
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}-usage${suffix}`, { force: true });
      rmSync(join(disk, "filler"));
      fillUp();
      const { code, stderr } = await runProgram(["backup", newFolder()], {
        env: { DATABASE_URL: `file:${path}` },
      });
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^The usage database .+-usage cannot be opened: .+\.\n$/),
      ]);
    });
  });
});

describe("a PostgreSQL database", () => {
  let services: Services;
  beforeAll(async () => {
    const { TEST_DATABASE_URL: _, ...environment } = process.env;
    services = await startServices("postgres", environment);
  });
  afterAll(() => services.stop());

  test("is copied by pg_dump during writes, and the restored database has every write that was acknowledged before the backup", async () => {
    const { TEST_DATABASE_URL: url = "", TEST_POSTGRES_BIN: programs = "" } = services.environment;
    const file = join(newFolder(), "latchkey.dump");
    const run = async (program: string, ...words: string[]) => {
      const child = Bun.spawn([join(programs, program), ...words], { stdout: "pipe", stderr: "pipe" });
      const [code, complaint] = await Promise.all([child.exited, child.stderr.text()]);
      expect([program, code, complaint]).toEqual([program, 0, ""]);
    };
    const node = await startOn(url);
    const key = await makeKey(node);
    const before = await backUpWhileWriting(node, () =>
      run("pg_dump", "--format=custom", `--file=${file}`, url),
    );
    await node.kill();

    const restored = new URL(url);
    restored.pathname = "/restored";
    await run(
      "psql",
      "--quiet",
      `--command=create database restored template template0 encoding 'UTF8'`,
      url,
    );
    await run("pg_restore", "--exit-on-error", "--no-owner", `--dbname=${restored.href}`, file);
    const again = await startOn(restored.href);
    await expectAll(again, before, key);
    await again.kill();
  });
});
