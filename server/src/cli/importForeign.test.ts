import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder, runProgram } from "../../test/program.ts";
import { UsageError } from "./commandError.ts";
import { importFlags } from "./import.ts";

test.each([
  [
    "a MySQL database",
    ["mysql://root@db/unkey", "--from", "unkey-dump"],
    "does not connect to MySQL. Write a dump",
  ],
  [
    "a dump for another api",
    ["a.sql", "--from", "unkey-dump", "--api", "api_1"],
    "the keys stay in their apis",
  ],
  ["a workspace of CSV", ["a.csv", "--from", "csv", "--from-workspace", "ws_1"], "needs --from unkey-dump"],
  ["a dump on the standard input", ["--from", "unkey-dump"], "needs a file that mysqldump wrote"],
  ["an unknown product", ["a.sql", "--from", "auth0"], "write a CSV file with the hash of each key"],
])("latchkey import refuses %s, and says what to do", (_, words, message) => {
  expect(() => importFlags(words)).toThrow(UsageError);
  expect(() => importFlags(words)).toThrow(message);
});

test("an import of HMACs says that the server needs their secret, unless it is set", async () => {
  const folder = newFolder();
  const env = { DATABASE_URL: `file:${join(folder, "latchkey.db")}` };
  const file = join(folder, "keys.jsonl");
  const workspace = { id: "ws_hmacs", name: "default", timeZone: "UTC" };
  const report = async (hashes: readonly string[], more = {}) => {
    const records = [
      { format: "latchkey", version: 1, createdAtMs: 1, workspace, recoveryKey: null },
      { type: "api", id: "api_hmacs", name: "moved", createdAtMs: 1 },
      ...hashes.map((hash) => ({
        type: "key",
        id: `key_${hash.slice(-9)}`,
        apiId: "api_hmacs",
        hash,
        ...(hash.startsWith("hmac") ? { pendingMigrationId: "oldHash" } : {}),
        createdAtMs: 1,
      })),
      { type: "end", records: 1 + hashes.length },
    ];
    writeFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    const { stdout, stderr } = await runProgram(["import", file], { env: { ...env, ...more } });
    expect(stderr).toBe("");
    return stdout;
  };
  const digest = (letter: string) => `${letter.repeat(42)}A`;
  const secret = { IMPORTED_HMAC_SECRET: "pepper" };
  expect(await report([`hmac-sha256:${digest("a")}`], secret)).not.toContain("HMAC");
  expect(await report([`hmac-sha256:${digest("b")}`])).toContain(
    "1 key has an HMAC, and IMPORTED_HMAC_SECRET is not set here",
  );
  expect(await report([digest("c")])).not.toContain("HMAC");
  rmSync(folder, { recursive: true });
});
