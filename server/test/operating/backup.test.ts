/** docs/operating/backup-and-restore.md, done: a copy while writes go on, and a server on the copy. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Node, newRootKey, startNode } from "../nodes/node.ts";
import { newFolder, runProgram } from "../program.ts";
import { type Services, startServices } from "../services.ts";

setDefaultTimeout(60_000);

const rootKey = newRootKey();
const settings = { ALLOW_LOCAL_COUNTERS: "true", METRICS_ADDRESS: "" };
const startOn = (databaseUrl: string) => startNode({ databaseUrl, rootKey, environment: settings });

/** Writers that make one identity after the other until they are told to end. */
function writers(node: Node) {
  const acknowledged: string[] = [];
  let ending = false;
  let made = 0;
  const work = Array.from({ length: 8 }, async () => {
    while (!ending) {
      made += 1;
      const externalId = `user_${made}`;
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

/** Backs up in the middle of the writes; what had been acknowledged when the backup began. */
async function backUpWhileWriting(node: Node, backUp: () => Promise<void>): Promise<string[]> {
  const { acknowledged, end } = writers(node);
  while (acknowledged.length < 200) await Bun.sleep(10);
  const before = [...acknowledged];
  await backUp();
  const during = acknowledged.length - before.length;
  await end();
  expect(during).toBeGreaterThan(0); // writes went on
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

  test("is copied by latchkey backup while writes go on, and a server on the copy has all that was acknowledged before", async () => {
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

    // the restore of the page: stop, put the old files away, lay the copies in their place
    await node.kill();
    const restored = join(folder, "restored");
    mkdirSync(restored);
    cpSync(backupFolder, restored, { recursive: true });
    const copy = new Database(join(restored, "latchkey.db"), { readonly: true });
    expect(copy.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    copy.close();
    const again = await startOn(`file:${join(restored, "latchkey.db")}`);
    await expectAll(again, before, key);
    await again.kill();
  });

  test("is not copied over another backup, and what cannot be copied is said in a sentence", async () => {
    expect(await backup(backupFolder)).toMatchObject({
      code: 1,
      stderr: `${join(backupFolder, "latchkey.db")} is there already: name another folder.\n`,
    });
    expect((await backup()).stderr).toBe("It is latchkey backup <folder>.\n");
    writeFileSync(join(folder, "file"), "");
    expect((await backup(join(folder, "file"))).code).toBe(1);
    const elsewhere = (DATABASE_URL: string) => runProgram(["backup", "/x"], { env: { DATABASE_URL } });
    expect((await elsewhere("postgres://a@b/c")).stderr).toContain("PostgreSQL has pg_dump");
    const nowhere = join(folder, "nowhere.db");
    expect((await elsewhere(`file:${nowhere}`)).stderr).toBe(`There is no database at ${nowhere}.\n`);
    expect(existsSync(nowhere)).toBe(false);
  });
});

describe("a PostgreSQL database", () => {
  let services: Services;
  beforeAll(async () => {
    const { TEST_DATABASE_URL: _, ...environment } = process.env;
    services = await startServices("postgres", environment);
  });
  afterAll(() => services.stop());

  test("is copied by pg_dump while writes go on, and a node on the restored one has all that was acknowledged before", async () => {
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
