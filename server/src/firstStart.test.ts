import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { databaseAt } from "../test/databaseAt.ts";
import { engines } from "../test/harness.ts";
import { callServer, freePort, newFolder, runProgram, startServing } from "../test/program.ts";
import { until } from "../test/until.ts";
import { idMaker } from "./domain/ids.ts";
import { rootKeySecret } from "./domain/secrets.ts";
import { FirstStartError, firstStart } from "./firstStart.ts";
import { hashKey, monotonicMs, randomBytes } from "./runtime.ts";
import type { Engine } from "./storage/engine.ts";
import { openStorage } from "./storage/open.ts";
import { findRootKeyByHash, revokeRootKey } from "./storage/queries/rootKeys.ts";

setDefaultTimeout(60_000);

const tools = { nowMs: Date.now, newId: idMaker(randomBytes), randomBytes, hashKey };
const setting = "LATCHKEY_ROOT_KEY";
const ownForms = [
  "x".repeat(32),
  "a-key/with+any=signs:that~fit!a$bearer%token",
  rootKeySecret(randomBytes(24)),
  "sk_live_0123456789abcdefghijklmnopqrstuvwxyz",
];

/** Returns the message with which the start failed, or `undefined` if it succeeded. */
function faultOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (fault: unknown) => fault,
  );
}

describe.each(engines)("on an empty database, $name", (row) => {
  let engine: Engine;
  let url = "";
  beforeEach(async () => {
    url = await row.url(newFolder());
    engine = await openStorage(databaseAt(url), { serving: true, connections: 4, monotonicMs });
  });
  afterEach(async () => {
    await engine.close();
    await row.drop?.(url);
  });
  const start = async (given?: string): Promise<string[]> => {
    const kept: string[] = [];
    await firstStart(engine, tools, { rootKey: given, setting }, (rootKey) => void kept.push(rootKey));
    return kept;
  };
  const workspaces = () => engine.db.selectFrom("workspaces").selectAll().execute();
  const rootKeys = () => engine.db.selectFrom("rootKeys").selectAll().execute();

  test("the first start creates one workspace and one root key with all permissions, and later starts create nothing", async () => {
    const [rootKey = "", ...more] = await start();
    expect(rootKey).toMatch(/^latchkey_root_/);
    expect(more).toEqual([]);
    expect(await findRootKeyByHash(engine.db, hashKey(rootKey))).toMatchObject({
      enabled: true,
      workspaceEnabled: true,
      expiresAtMs: undefined,
      caller: { permissions: new Set(["*"]) },
    });
    expect(JSON.stringify(await rootKeys())).not.toContain(rootKey);
    expect(await start()).toEqual([]);
    expect([(await workspaces()).length, (await rootKeys()).length]).toEqual([1, 1]);
  });

  test.each(ownForms)(
    "a configured root key of any form is used, and is never printed: %s",
    async (given) => {
      expect(await start(given)).toEqual([]);
      expect((await findRootKeyByHash(engine.db, hashKey(given)))?.caller.permissions).toEqual(
        new Set(["*"]),
      );
      expect(await start(given)).toEqual([]);
      expect((await rootKeys()).length).toBe(1);
      expect(JSON.stringify(await rootKeys())).not.toContain(given);
    },
  );

  test("a new root key that could not be shown is not stored, and the next start creates another one", async () => {
    const fail = () => {
      throw new Error("no space left");
    };
    expect(await faultOf(firstStart(engine, tools, { rootKey: undefined, setting }, fail))).toMatchObject({
      message: "no space left",
    });
    expect([await workspaces(), await rootKeys()]).toEqual([[], []]);
    expect(await start()).toHaveLength(1);
  });

  test("several first starts at once create one workspace and one root key", async () => {
    const kept = (await Promise.all(Array.from({ length: 8 }, () => start()))).flat();
    expect((await workspaces()).length).toBe(1);
    expect((await rootKeys()).map((row) => row.hash)).toEqual(kept.slice(-1).map(hashKey));
  });

  test("a root key that the database does not have, although it has others, stops the start with a message that says what to do", async () => {
    await start();
    const fault = await faultOf(start("x".repeat(32)));
    expect(fault).toBeInstanceOf(FirstStartError);
    expect(String(fault)).toContain("latchkey root-key create");
    expect((await rootKeys()).length).toBe(1);
  });

  test("a revoked, expired or disabled root key causes a warning at the start, and an unknown one stops it", async () => {
    const given = "g".repeat(32);
    const hash = hashKey(given);
    const warned = () => firstStart(engine, tools, { rootKey: given, setting }, () => undefined);
    expect(await warned()).toBeUndefined();
    const change = (table: "rootKeys" | "workspaces", values: object) =>
      engine.transaction((tx) => tx.updateTable(table).set(values).execute());

    await change("workspaces", { enabled: 0 });
    expect(await warned()).toMatch(
      /^The root key in LATCHKEY_ROOT_KEY belongs to a disabled workspace, .+\.$/,
    );
    await change("workspaces", { enabled: 1 });
    await change("rootKeys", { enabled: 0 });
    expect(await warned()).toMatch(/^The root key in LATCHKEY_ROOT_KEY is disabled, .+\.$/);
    await change("rootKeys", { enabled: 1, expiresAtMs: 1 });
    expect(await warned()).toMatch(/^The root key in LATCHKEY_ROOT_KEY has expired, .+\.$/);
    await change("rootKeys", { expiresAtMs: null });
    expect(await warned()).toBeUndefined();

    const id = (await findRootKeyByHash(engine.db, hash))?.caller.rootKeyId ?? "";
    expect(await engine.transaction((tx) => revokeRootKey(tx, id, 1))).toBe(true);
    expect(await warned()).toMatch(/^The root key in LATCHKEY_ROOT_KEY is revoked, .+\.$/);
    expect([await findRootKeyByHash(engine.db, hash), await rootKeys()]).toEqual([undefined, []]);
    expect(await faultOf(start("u".repeat(32)))).toBeInstanceOf(FirstStartError);
  });

  test("a mistyped root key stops the start", async () => {
    const typo = rootKeySecret(randomBytes(24)).replace(/.$/, (last) => (last === "z" ? "y" : "z"));
    expect(await faultOf(start(typo))).toBeInstanceOf(FirstStartError);
    expect(await workspaces()).toEqual([]);
  });
});

describe("the program", () => {
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  const createIdentity = async (url: string, rootKey: string, externalId: string) =>
    (await callServer(url, rootKey, "identities.createIdentity", { externalId })).status;

  test("without a terminal writes the first root key to a file that only its user can read, and prints the path", async () => {
    const folder = newFolder();
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, "root-key"), "of an older database", { mode: 0o644 });
    const server = await startServing({ env: { DATABASE_URL: `file:${folder}/latchkey.db` } });
    const path = join(folder, "root-key");
    const rootKey = readFileSync(path, "utf8").trim();
    expect(rootKey).toMatch(/^latchkey_root_/);
    expect(server.stderr()).toContain(`Root key: ${path}\n`);
    for (const name of readdirSync(folder)) expect([name, mode(join(folder, name))]).toEqual([name, "600"]);
    expect(await createIdentity(server.url, rootKey, "first")).toBe(200);
    server.child.kill("SIGINT");
    const { stdout, stderr } = await server.ended;
    expect(stdout + stderr).not.toContain(rootKey);

    const again = await startServing({ env: { DATABASE_URL: `file:${folder}/latchkey.db` } });
    expect(readFileSync(path, "utf8").trim()).toBe(rootKey);
    expect(await createIdentity(again.url, rootKey, "second")).toBe(200);
    again.child.kill("SIGINT");
    await again.ended;
  });

  test("on a terminal prints the first root key, even if the start then fails, and writes no file", async () => {
    const folder = newFolder();
    const env = { DATABASE_URL: `file:${folder}/data/latchkey.db` };
    const port = await freePort();
    const taken = Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    const terminal = ["script", "-qec"] as const;
    const inTerminal = async (ofPort: number) => {
      const words = `exec ${process.execPath} ${join(import.meta.dir, "main.ts")} serve`;
      const child = Bun.spawn([...terminal, words, "/dev/null"], {
        env: { PATH: process.env["PATH"] ?? "", ...env, PORT: String(ofPort) },
        stdin: "pipe",
        stdout: "pipe",
      });
      return { child, text: new Response(child.stdout).text() };
    };
    const failed = await inTerminal(port);
    const printed = await failed.text;
    taken.stop();
    expect(printed).toContain(`${port} is already in use`);
    const rootKey = /shown once\): (latchkey_root_\w+)/.exec(printed)?.[1] ?? "";
    expect(existsSync(join(folder, "data", "root-key"))).toBe(false);

    const started = await inTerminal(port);
    const url = `http://127.0.0.1:${port}`;
    await until(async () => (await fetch(`${url}/health/live`).catch(() => undefined))?.ok);
    expect(await createIdentity(url, rootKey, "first")).toBe(200);
    await started.child.stdin.write("\x03"); // the character that Ctrl-C sends
    await started.child.stdin.flush();
    expect(await started.child.exited).toBe(0);
  });

  test("takes a root key from the environment or a file, and stops if it is not a root key", async () => {
    const folder = newFolder();
    const given = ownForms[1] ?? "";
    const DATABASE_URL = `file:${folder}/latchkey.db`;
    writeFileSync(join(folder, "given"), `${given}\n`);
    const fromFile = await startServing({
      env: { DATABASE_URL, LATCHKEY_ROOT_KEY_FILE: join(folder, "given") },
    });
    expect(await createIdentity(fromFile.url, given, "first")).toBe(200);
    expect(existsSync(join(folder, "root-key"))).toBe(false);
    fromFile.child.kill("SIGINT");
    await fromFile.ended;
    const given2 = await startServing({ env: { DATABASE_URL, LATCHKEY_ROOT_KEY: given } });
    expect(await createIdentity(given2.url, given, "second")).toBe(200);
    given2.child.kill("SIGINT");
    expect((await given2.ended).stderr).not.toContain(given);

    const listed = (await runProgram(["root-key", "list"], { env: { DATABASE_URL } })).stdout;
    const { id } = JSON.parse(listed);
    await runProgram(["root-key", "revoke", id], { env: { DATABASE_URL } });
    const revoked = await startServing({ env: { DATABASE_URL, LATCHKEY_ROOT_KEY: given } });
    expect(await createIdentity(revoked.url, given, "third")).toBe(401);
    revoked.child.kill("SIGINT");
    expect((await revoked.ended).stdout).toContain("The root key in LATCHKEY_ROOT_KEY is revoked, ");

    writeFileSync(join(folder, "unknown"), "u".repeat(40));
    const unknown = await runProgram(["serve"], {
      env: { DATABASE_URL, PORT: "0", LATCHKEY_ROOT_KEY_FILE: join(folder, "unknown") },
    });
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(
      /^The root key in LATCHKEY_ROOT_KEY_FILE is not in this database.+: unset LATCHKEY_ROOT_KEY_FILE, .+\.\n$/,
    );
  });
});
