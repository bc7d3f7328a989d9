/** Tests of reading tables of other products, with rows that the fixtures of these products do not have. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { postgres } from "../../../test/harness.ts";
import type { ForeignDatabase, ForeignRow } from "../../storage/foreignDatabase.ts";
import { openForeign, openScratch } from "../../storage/open.ts";
import type { DocumentRecord } from "../format.ts";
import { readBetterAuth } from "./betterAuth.ts";
import { entriesOf } from "./entriesOf.ts";
import { allRows, type Reading } from "./foreignRecords.ts";
import { readLiteLlm } from "./liteLlm.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-rows-"));
const file = join(folder, "rows.db");
const url = await postgres.url(folder);
const count = 1201; // more than two pages

beforeAll(async () => {
  const sqlite = new Database(file, { create: true });
  const some = `with recursive n(i) as (select -3 union all select i + 1 from n where i < ${count - 4})`;
  sqlite.run(`create table integers as ${some} select i id from n`);
  sqlite.run(`create table texts as ${some} select 'id_' || i id from n`);
  sqlite.run(`create table bytes as ${some} select cast(x'ff00' || i as blob) id from n`);
  sqlite.run(
    `create table mixed as ${some} select iif(i % 2, i, 'id_' || i) id from n union all select null`,
  );
  sqlite.run("create table large as select 9007199254740993 id");
  sqlite.close();
  const client = new SQL(url, { max: 1 });
  const numbers = `generate_series(-3, ${count - 4}) i`;
  await client.unsafe(`create table integers as select i id from ${numbers}`);
  await client.unsafe(`create table bigints as select i + 9007199254740993 id from ${numbers}`);
  await client.unsafe(`create table texts as select 'id_' || i id from ${numbers}`);
  await client.unsafe(`create table uuids as select gen_random_uuid() id from ${numbers}`);
  await client.close();
});
afterAll(async () => {
  await postgres.drop?.(url);
  rmSync(folder, { recursive: true, force: true });
});

async function idsIn(place: string, table: string): Promise<unknown[]> {
  const database = await openForeign(place);
  const rows = await Array.fromAsync(allRows(database, { columns: "id", table, by: "id" }));
  await database.close();
  return rows.map(({ id }) => (id instanceof Uint8Array ? Buffer.from(id).toString("hex") : id));
}

test.each([
  ["integers of SQLite", file, "integers"],
  ["texts of SQLite", file, "texts"],
  ["bytes of SQLite", file, "bytes"],
  ["numbers and texts of SQLite", file, "mixed"],
  ["integers of PostgreSQL", url, "integers"],
  ["bigints of PostgreSQL", url, "bigints"],
  ["texts of PostgreSQL", url, "texts"],
  ["UUIDs of PostgreSQL", url, "uuids"],
])("every row is read once if the ids are %s", async (_, place, table) => {
  const ids = await idsIn(place, table);
  expect([ids.length, new Set(ids).size]).toEqual([count, count]);
});

test("ids that the driver would round are refused with an error that says what to do", async () => {
  const refusal = idsIn(file, "large").catch((error: Error) => error.message);
  expect(await refusal).toContain("The column id of the table large has numbers above 2^53");
});

type Read = (database: ForeignDatabase, reading: Reading) => AsyncIterable<DocumentRecord>;

/** The records that are read from these rows of a table, and the notes about what is not carried over. */
async function imported(read: Read, table: string, rows: readonly ForeignRow[]) {
  const scratch = openScratch();
  const columns = Object.keys(rows[0] ?? {});
  scratch.create(table, columns);
  const values = rows.map((row) => columns.map((name) => row[name] as string | number | null | Uint8Array));
  scratch.insert(table, values);
  const notes: string[] = [];
  const note = (sentence: string) => void notes.push(sentence);
  const reading: Reading = { apiId: "api_1", workspaceId: "ws_1", nowMs: 1, note };
  const entries = await Array.fromAsync(entriesOf(read(scratch, reading), note));
  await scratch.close();
  const keys = entries.flatMap((entry) => (entry.type === "key" ? [entry.fields] : []));
  return { entries, keys, notes };
}

const apiKey = {
  id: "1",
  configId: "default",
  referenceId: "user_1",
  key: new Bun.CryptoHasher("sha256").update("key").digest("base64url"),
  enabled: 1 as unknown,
  expiresAt: null as unknown,
  remaining: null,
  refillInterval: null,
  refillAmount: null,
  rateLimitEnabled: 0,
  rateLimitTimeWindow: 60_000,
  rateLimitMax: null as unknown,
  permissions: null as unknown,
};
const betterAuthKeys = (...rows: readonly object[]) =>
  imported(
    readBetterAuth,
    "apikey",
    rows.map((row, index) => ({ ...apiKey, name: `key ${index}`, ...row })),
  );

test.each([
  ["numbers", [1, 2], [10, 11], ["10", "11"]],
  ["bytes", [Uint8Array.of(255, 1), Uint8Array.of(255, 2)], [Uint8Array.of(255, 10), "u"], ["ff0a", "u"]],
])("ids of keys and users that are %s stay different from each other", async (_, ids, users, externalIds) => {
  const rows = ids.map((id, index) => ({ id, referenceId: users[index] }));
  const { entries, keys } = await betterAuthKeys(...rows);
  const identities = entries.flatMap((entry) => (entry.type === "identity" ? [entry.fields] : []));
  expect(identities.map(({ externalId }) => externalId).toSorted()).toEqual(externalIds);
  expect(new Set(keys.map(({ id }) => id)).size).toBe(2);
  expect(new Set(keys.map(({ identityId }) => identityId))).toEqual(new Set(identities.map(({ id }) => id)));
});

describe("a key whose expiry cannot be read is not imported, with a note", () => {
  test.each(["0000-00-00 00:00:00", "soon", Uint8Array.of(255)])("better-auth: %p", async (expiresAt) => {
    const { keys, notes } = await betterAuthKeys(
      { id: "a", expiresAt },
      { id: "b", expiresAt: "2030-01-01" },
    );
    expect(keys.map(({ name, expiresAtMs }) => [name, expiresAtMs])).toEqual([["key 1", Date.UTC(2030, 0)]]);
    expect(notes).toEqual([expect.stringContaining("The key a is not imported: its expiry")]);
  });

  test("LiteLLM", async () => {
    const row = { token: "a".repeat(64), user_id: "u", key_alias: "shown", expires: "never" };
    const { keys, notes } = await imported(readLiteLlm, "LiteLLM_VerificationToken", [row]);
    expect(keys).toEqual([]);
    expect(notes).toEqual([`The key shown is not imported: its expiry "never" is not a time.`]);
  });
});

test.each([
  [1, true],
  ["\u0001", true],
  [null, true],
  [0, false],
  ["\0", false],
])(
  "better-auth's `enabled` with the value %p means the same as for the plugin",
  async (enabled, expected) => {
    const { keys } = await betterAuthKeys({ enabled });
    expect(keys.map((key) => key.enabled)).toEqual([expected]);
  },
);

test("a permission whose name is not valid in Latchkey is omitted from its key, with a note", async () => {
  const { keys, notes } = await betterAuthKeys({ permissions: '{"files":["read","write all"]}' });
  expect(keys.map(({ permissions }) => permissions.length)).toEqual([1]);
  expect(notes).toEqual([
    expect.stringContaining("The permission files.write all is not imported"),
    "The key key 0 is imported without those of its permissions that are not imported.",
  ]);
});

test("a rate limit above 2^53 is omitted from its key, with a note", async () => {
  const { keys, notes } = await betterAuthKeys({ rateLimitEnabled: 1, rateLimitMax: "9007199254740993" });
  expect(keys.map(({ ratelimits }) => ratelimits)).toEqual([[]]);
  expect(notes).toEqual([
    'The rate limit "requests" of the key 1 is not imported: it allows 9007199254740992 in 60000 ms, but a limit must be 1 to 2^53 - 1, and its window 1 s to 30 days.',
  ]);
});

test("a note about a key without a name has the key's id", async () => {
  const row = { token: "not a hash", user_id: "u", key_alias: null, expires: null };
  const { keys, notes } = await imported(readLiteLlm, "LiteLLM_VerificationToken", [row]);
  expect(keys).toEqual([]);
  expect(notes).toEqual([expect.stringMatching(/^The key key_[0-9a-f]{24} is not imported: hash: /)]);
});
