/** Tests `latchkey export` and `latchkey import` as processes of their own, beside servers that run. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { unkeyTables } from "../../src/moving/foreign/unkeyTables.ts";
import { recoveryKeyFingerprint, recoveryWith } from "../../src/sealing.ts";
import { engines, postgres, startTest, type TestServer } from "../harness.ts";
import { newFolder, runProgram, startProgram } from "../program.ts";
import { testServer } from "../setUp.ts";
import { until } from "../until.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const persistentEngines = engines.filter(({ name }) => name !== "sqlite in memory");
const keyCount = 6_000;
const header = (recoveryKey: string | null = null) =>
  JSON.stringify({
    format: "latchkey",
    version: 1,
    createdAtMs: 1,
    workspace: { id: "ws_of_document", name: "document" },
    recoveryKey,
  });

/** Writes a document with this many keys, which share one identity. Returns its path. */
function documentWith(server: Pick<TestServer, "services">, name: string, count: number): string {
  const keys = Array.from({ length: count }, (_, index) => ({
    type: "key",
    id: `key_${String(index).padStart(6, "0")}`,
    apiId: "api_of_document",
    identityId: "id_of_document",
    hash: server.services.hashKey(`secret ${index}`),
    createdAtMs: 1,
    balance: { remaining: 3 },
    permissions: ["perm_of_document"],
  }));
  const records = [
    { type: "permission", id: "perm_of_document", slug: "read", name: "read", createdAtMs: 1 },
    { type: "api", id: "api_of_document", name: "payments", createdAtMs: 1 },
    { type: "identity", id: "id_of_document", externalId: "bob", createdAtMs: 1 },
    ...keys,
  ];
  const lines = [header(), ...records.map((record) => JSON.stringify(record))];
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n{"type":"end","records":${records.length}}\n`);
  return path;
}

describe.each(persistentEngines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const settings = (more: Record<string, string> = {}) => ({
    env: { DATABASE_URL: server.databaseUrl, ...more },
    cwd: folder,
  });
  const count = async () => {
    const query = server.services.engine.db
      .selectFrom("keys")
      .select(({ fn }) => fn.countAll<number>().as("count"));
    return Number((await query.executeTakeFirstOrThrow()).count);
  };
  const verify = async (key: string) =>
    (await server.call("keys.verifyKey", { key, permissions: "read" })).body.data;

  test("an import that is killed again and again leaves whole keys, and another run completes it", async () => {
    const document = documentWith(server, `${engine.name}.jsonl`, keyCount);
    let imported = 0;
    for (const kill of ["first", "second"]) {
      const program = startProgram(["import", document], settings());
      await until(async () => (await count()) > imported || program.child.exitCode !== null);
      program.child.kill("SIGKILL");
      await program.ended;
      imported = await count();
      expect(await verify(`secret ${imported - 1}`)).toMatchObject({ code: "VALID", credits: 2 });
      expect(await verify(`secret ${imported}`)).toMatchObject({ code: "NOT_FOUND" });
      if (kill === "first") expect(imported).toBeLessThan(keyCount);
    }
    const last = await runProgram(["import", document], settings());
    expect(last).toMatchObject({ code: 0, stderr: "" });
    expect(await count()).toBe(keyCount);
    // the server that is running verifies the imported keys at once
    expect(await verify(`secret ${keyCount - 1}`)).toMatchObject({ code: "VALID", credits: 2 });

    const again = await runProgram(["import", document, "--workspace", server.workspaceId], settings());
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(again.stdout).toContain("unchanged");
    expect(again.stdout).not.toContain("created");
  }, 60_000);

  test("a document that was exported while the server runs is imported into an empty database, with usage", async () => {
    await verify("secret 1");
    const target = join(folder, `${engine.name} target`);
    const document = join(folder, `${engine.name} exported.jsonl`);
    const used = async () => {
      const reply = await server.call("keys.getKey", { keyId: "key_000001" });
      return reply.body.data.lastUsedAt !== undefined;
    };
    await until(used);
    const exported = await runProgram(["export", "--output", document, "--usage"], settings());
    expect(exported).toMatchObject({ code: 0, stdout: "" });
    const env = { DATABASE_URL: `file:${join(target, "latchkey.db")}` };
    const imported = await runProgram(["import", document], settings(env));
    expect(imported).toMatchObject({ code: 0, stderr: "" });
    const again = await runProgram(["export", "--usage"], settings(env));
    const lines = (text: string) => text.split("\n").slice(1);
    expect(lines(again.stdout)).toEqual(lines(readFileSync(document, "utf8")));
    expect(again.stdout).toContain(`"type":"usage"`);
    expect(again.stdout).toContain(`"type":"lastUse"`);
    expect(readdirSync(folder).filter((name) => name.includes("unfinished"))).toEqual([]);
  }, 60_000);

  test("a damaged file is refused as a whole, and a damaged stream is imported up to its fault", async () => {
    const lines = readFileSync(documentWith(server, "damaged.jsonl", 1_000), "utf8").split("\n");
    const path = join(folder, "damaged.jsonl");
    writeFileSync(path, lines.slice(0, 900).join("\n"));
    const before = await count();
    const refused = await runProgram(["import", path], settings());
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/^Nothing was imported\. The document is truncated/);
    expect(await count()).toBe(before);
    const script = `${process.execPath} ${join(import.meta.dir, "../../src/main.ts")} import < ${JSON.stringify(path)}`;
    const piped = spawnSync("sh", ["-c", script], {
      env: { ...process.env, ...settings().env },
      encoding: "utf8",
    });
    expect(piped.status).toBe(1);
    expect(piped.stderr).toMatch(
      /The import stopped\. The document is truncated.+ The lines up to \d+ are imported\./,
    );
  });
});

describe("keys of another product", () => {
  const server = testServer({ engine: postgres });

  test("--from csv imports a file, and a product that cannot be read is refused with a message that says what to do", async () => {
    const path = join(folder, "keys.csv");
    writeFileSync(path, `hash,name\n${server.services.hashKey("from csv")},one\nx,two\n`);
    const options = { env: { DATABASE_URL: server.databaseUrl }, cwd: folder };
    const imported = await runProgram(["import", path, "--from", "csv"], options);
    expect(imported).toMatchObject({ code: 0, stderr: expect.stringContaining("Line 3 is not imported") });
    const reply = await server.call("keys.verifyKey", { key: "from csv" });
    expect(reply.body.data).toMatchObject({ code: "VALID", name: "one" });
    writeFileSync(path, `hash,name\n${server.services.hashKey("from csv")},renamed\n`);
    const again = await runProgram(["import", path, "--from", "csv"], options);
    expect(again.stdout).toMatch(/^Record 2: key key_\w+: it exists with other fields/m);
    const refused = await runProgram(["import", path, "--from", "auth0"], options);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("write a CSV file with the hash of each key"),
    });
  });

  test.each(["csv", "better-auth"])(
    "--from %s refuses input that cannot be read twice, with a message that says what to do",
    async (from) => {
      const options = { env: { DATABASE_URL: server.databaseUrl }, cwd: folder };
      const pipe = join(folder, `pipe of ${from}`);
      spawnSync("mkfifo", [pipe]);
      for (const place of [folder, pipe]) {
        expect(await runProgram(["import", place, "--from", from], options)).toMatchObject({
          code: 1,
          stdout: "",
          stderr: expect.stringContaining(`Nothing was imported. ${place} is not a regular file.`),
        });
      }
    },
  );
});

/** Returns rows of Unkey's tables, by the table's name. A row is an object with the values of its columns. */
const unkeyRows = (hash: string): Record<string, Record<string, string>[]> => {
  const key = { key_auth_id: "ks_1", workspace_id: "ws_1", start: "sk_abcd", enabled: "1" };
  return {
    workspaces: [{ id: "ws_1", name: "Acme" }, { id: "ws_2", name: "Other" }, { id: "ws_empty" }],
    apis: [
      { id: "api_unkey", name: "a", workspace_id: "ws_1", key_auth_id: "ks_1" },
      { id: "api_other", name: "b", workspace_id: "ws_2", key_auth_id: "ks_2" },
    ],
    keys: [
      { ...key, id: "key_unkey", hash, name: "from Unkey" },
      { ...key, id: "key_odd", hash: "x" },
    ],
  };
};

describe("a dump of a self-hosted Unkey", () => {
  const server = testServer({ engine: postgres });
  const path = join(folder, "unkey.sql.gz");
  const run = (...flags: string[]) =>
    runProgram(["import", path, "--from", "unkey-dump", ...flags], {
      env: { DATABASE_URL: server.databaseUrl },
      cwd: folder,
    });
  const verify = async () => (await server.call("keys.verifyKey", { key: "key of Unkey" })).body.data;

  test("is imported after a dry run, from the one workspace that was chosen, with a report of what is missing", async () => {
    const hash = Buffer.from(server.services.hashKey("key of Unkey"), "base64url").toString("base64");
    const lines = unkeyTables.flatMap(({ table, needed, optional }) => {
      const columns = [...needed, ...optional];
      const rows = (unkeyRows(hash)[table] ?? []).map(
        (row) =>
          `(${columns.map((name) => (row[name] === undefined ? "NULL" : `'${row[name]}'`)).join(",")})`,
      );
      return [
        `CREATE TABLE \`${table}\` (${columns.map((name) => `\`${name}\` text`).join(", ")});`,
        ...(rows.length === 0 ? [] : [`INSERT INTO \`${table}\` VALUES ${rows.join(",")};`]),
      ];
    });
    const write = (...end: string[]) => writeFileSync(path, gzipSync([...lines, ...end].join("\n")));
    write();
    const elsewhere = await run("--workspace", "ws_missing"); // refused before the damaged dump is read
    expect(elsewhere.stderr).toContain('Unknown workspace "ws_missing"');
    expect(await run()).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^Nothing was imported\. The dump does not end with/),
    });
    write("-- Dump completed on 2026-11-29 11:00:00", "");
    expect(await run()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Name one with --from-workspace: ws_1 (Acme), ws_2 (Other)."),
    });
    const flags = ["--from-workspace", "ws_1"];
    const dry = await run(...flags, "--dry-run");
    expect(dry).toMatchObject({
      code: 0,
      stderr: "The key key_odd is not imported: its hash is not a SHA-256.\n",
    });
    expect(dry.stdout).toMatch(/^Dry run: nothing was changed.+\n.+created\napi +1\nkey +1\n$/);
    expect((await verify()).code).toBe("NOT_FOUND");
    expect((await run(...flags)).code).toBe(0);
    expect(await verify()).toMatchObject({ code: "VALID", keyId: "key_unkey", name: "from Unkey" });
  });

  test("a dump of better-auth's table is recognized by its content", async () => {
    const dump = join(import.meta.dir, "../../src/moving/foreign/fixtures/better-auth-1.7.5.mysqldump.sql");
    const options = { env: { DATABASE_URL: server.databaseUrl }, cwd: folder };
    const { code, stdout } = await runProgram(["import", dump, "--from", "better-auth"], options);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/\nkey +5\n$/)]);
  });
});

describe("recoverable keys", () => {
  const oldKey = Buffer.alloc(32, 1).toString("base64");
  const newKey = Buffer.alloc(32, 2).toString("base64");
  const document = join(folder, "sealed.jsonl");
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest({ engine: postgres, config: { RECOVERY_KEY: newKey } });
    const records = [
      { type: "api", id: "api_1", name: "payments", createdAtMs: 1 },
      {
        type: "key",
        id: "key_1",
        apiId: "api_1",
        hash: server.services.hashKey("secret"),
        sealed: recoveryWith(oldKey).seal("secret"),
        createdAtMs: 1,
      },
    ];
    const lines = [
      header(recoveryKeyFingerprint(oldKey)),
      ...records.map((record) => JSON.stringify(record)),
    ];
    writeFileSync(document, `${lines.join("\n")}\n{"type":"end","records":2}\n`);
    writeFileSync(join(folder, "old-key"), `${oldKey}\n`);
  });
  afterAll(() => server.stop());

  test("a document whose keys have another recovery key is refused, and imported if that key is given", async () => {
    const options = { env: { DATABASE_URL: server.databaseUrl, RECOVERY_KEY: newKey }, cwd: folder };
    const refused = await runProgram(["import", document], options);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--old-recovery-key") });
    const imported = await runProgram(["import", document, "--old-recovery-key", "old-key"], options);
    expect(imported).toMatchObject({ code: 0 });
    const reply = await server.call("keys.getKey", { keyId: "key_1", decrypt: true });
    expect(reply.body.data.plaintext).toBe("secret");
    const again = await runProgram(["import", document, "--old-recovery-key", "old-key"], options);
    expect(again.stdout).toContain("unchanged");
  });
});

describe("on a full disk", () => {
  const disk = join(folder, "disk");
  beforeAll(() => {
    mkdirSync(disk);
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "none", disk]).status).toBe(0);
  });
  afterAll(() => void spawnSync("umount", ["--lazy", disk]));

  test("an import says that the disk is full, and another run completes it when there is space", async () => {
    const server = await startTest({});
    const document = documentWith(server, "full.jsonl", 5_000);
    await server.stop();
    const options = { env: { DATABASE_URL: `file:${join(disk, "latchkey.db")}` }, cwd: folder };
    const stopped = await runProgram(["import", document], options);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(
      /The import stopped\. The disk is full\. Free some space\..+Run the import again/,
    );
    expect(spawnSync("mount", ["-o", "remount,size=64m", disk]).status).toBe(0);
    const completed = await runProgram(["import", document], options);
    expect(completed).toMatchObject({ code: 0, stderr: "" });
  }, 60_000);
});
