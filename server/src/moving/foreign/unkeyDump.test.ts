/** Tests of importing a self-hosted Unkey from dumps that the real mariadb-dump writes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { createdIn, importForeign } from "../../../test/importForeign.ts";
import { type MariaDb, startMariaDb } from "../../../test/mariadb.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { created, hostile, sha256, unkeyDatabase } from "../../../test/unkeyDatabase.ts";
import { openScratch } from "../../storage/open.ts";
import type { DocumentRecord } from "../format.ts";
import { entriesOf } from "./entriesOf.ts";
import { dumpText } from "./mysqlDump/dumpText.ts";
import { stageDump } from "./mysqlDump/stageDump.ts";
import { chooseWorkspace, readUnkeyDump } from "./unkeyDump.ts";
import { unkeyTables } from "./unkeyTables.ts";

const notes = [
  "The api api_with_ips is imported without its default key length of 8 bytes (allowed: 16 to 255).",
  "The key key_odd is not imported: its hash needs the Unkey migration mig_2, whose algorithm Latchkey does not know.",
  'The rate limit "yearly" of the key key_plain is not imported: it allows 5 in 31536000000 ms, but a limit must be 1 to 2^53 - 1, and its window 1 s to 30 days.',
  "Root keys are not imported (1): create new ones with latchkey root-key create.",
  "Recoverable keys are imported as not recoverable, because only Unkey can decrypt them (1).",
  "Keys of apis that are deleted in Unkey are not imported (1).",
  "Keys are imported without the label in their column environment (1).",
];

let mariaDb: MariaDb;
beforeAll(async () => {
  mariaDb = await startMariaDb();
  mariaDb.run("unkey", unkeyDatabase);
});
afterAll(() => mariaDb.stop());

/** The records that are read from a dump, and the notes about what is not imported. */
async function recordsIn(dump: Uint8Array): Promise<{ records: DocumentRecord[]; said: string[] }> {
  const said: string[] = [];
  const note = (sentence: string) => void said.push(sentence);
  const reading = { apiId: undefined, workspaceId: "ws_here", nowMs: created, note };
  const scratch = await staged(dump);
  const records = await Array.fromAsync(readUnkeyDump(scratch, reading));
  await scratch.close();
  return { records, said };
}

async function staged(dump: Uint8Array) {
  const scratch = openScratch();
  await stageDump(dumpText(piecesOf(dump, 7_001)), unkeyTables, scratch);
  await chooseWorkspace(scratch, "ws_1");
  return scratch;
}

async function* piecesOf(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

test.each<[string, readonly string[], (dump: Buffer) => Uint8Array]>([
  ["without CREATE TABLE", ["--no-create-info", "--complete-insert", "--skip-add-locks"], (dump) => dump],
  ["with hexadecimal values", ["--hex-blob"], (dump) => dump],
  ["of a database with triggers", ["--routines", "--databases"], (dump) => dump],
  ["compressed with gzip", [], (dump) => gzipSync(dump)],
  ["in ANSI", ["--replace", "--compatible=ansi", "--default-character-set=utf8mb4"], (dump) => dump],
  ["with CRLF", [], (dump) => Buffer.from(dump.toString("latin1").replaceAll("\n", "\r\n"), "latin1")],
])("a dump %s has the same records", async (_, options, change) => {
  const expected = await recordsIn(mariaDb.dump("unkey"));
  expect(expected.records.length).toBeGreaterThan(15);
  expect(await recordsIn(change(mariaDb.dump("unkey", ...options)))).toEqual(expected);
});

describe.each([["--extended-insert"], ["--skip-extended-insert"], ["--complete-insert", "--hex-blob"]])(
  "a dump with %s",
  (...options) => {
    const server = testServer({});
    const workspace = testWorkspace(server);
    const verify = (secret: string, more: object = {}) =>
      workspace.data("keys.verifyKey", { key: secret, ...more });

    async function imported() {
      const scratch = await staged(mariaDb.dump("unkey", ...options));
      const report = await importForeign(server, workspace.id, (reading) => readUnkeyDump(scratch, reading));
      await scratch.close();
      return report;
    }

    test("is imported with keys that verify with their old secrets, and with everything that belongs to them", async () => {
      const report = await imported();
      expect(report.refusals).toEqual([]);
      expect(report.notes.toSorted()).toEqual(notes.toSorted());
      expect(createdIn(report)).toEqual({
        permission: 2,
        role: 1,
        namespace: 1,
        override: 1,
        api: 2,
        identity: 2,
        migration: 2,
        key: 8,
        lastUse: 1,
      });
      const again = await imported();
      const { lastUse: _, ...others } = createdIn(again);
      expect(Object.values(others).every((count) => count === 0)).toBe(true);
      expect(again.refusals).toEqual([]);
      const full = await verify("full secret", { permissions: "files.read AND files.write" });
      expect(full).toMatchObject({
        code: "VALID",
        keyId: "key_full",
        name: hostile,
        meta: { hostile, n: 1 },
        credits: 9,
        expires: Date.UTC(2030, 0, 2, 3, 4, 5, 678),
        roles: ["editor"],
        identity: { id: "id_1", externalId: "user_1", meta: { tier: "gold ü" } },
        ratelimits: [{ id: "rl_key", name: "requests", limit: 2, remaining: 1 }],
      });
      expect(await workspace.data("keys.getKey", { keyId: "key_full" })).toMatchObject({
        start: "sk_abcd",
        createdAt: created,
        lastUsedAt: expect.any(Number),
        credits: { refill: { interval: "monthly", amount: 10, refillDay: 31 } },
      });
      expect(await verify("plain secret")).toMatchObject({ code: "VALID", keyId: "key_plain" });
      const ip = await workspace.data("apis.getApi", { apiId: "api_with_ips" });
      expect(ip).toMatchObject({ defaultPrefix: "ip" }); // only its default key length cannot be imported
      expect(ip.defaultByteLength).toBeUndefined();
      expect((await verify("off secret")).code).toBe("DISABLED");
      expect(await verify("known secret")).toMatchObject({
        code: "VALID",
        identity: { externalId: "user_1" },
      });
      expect((await verify("known secret")).code).toBe("RATE_LIMITED");
      expect(await verify("credits secret")).toMatchObject({ code: "VALID", credits: 6 });
      expect((await verify("ip secret", { ip: "10.1.2.3" })).code).toBe("VALID");
      expect((await verify("ip secret", { ip: "10.2.0.1" })).code).toBe("FORBIDDEN");
      expect((await verify("acme_short_longtoken", { migrationId: "mig_1" })).code).toBe("VALID");
      expect((await verify("migrated secret")).code).toBe("VALID");
      for (const secret of [
        "gone secret",
        "secret of a deleted api",
        "other secret",
        "root secret",
        "odd secret",
      ]) {
        expect((await verify(secret)).code).toBe("NOT_FOUND");
      }
      const off = await workspace.data("keys.getKey", { keyId: "key_off" });
      expect(off.identity.externalId).toBe("owner_1");
      const limited = await workspace.data("ratelimit.limit", {
        namespace: "mail",
        identifier: "vip1",
        limit: 5,
        duration: 60_000,
      });
      expect(limited.success).toBe(false);
      const api = await workspace.data("apis.getApi", { apiId: "api_main" });
      expect(api).toMatchObject({ name: "Zahlungen ü" });
    });
  },
);

type DumpTable = [table: string, columns: string, ...rows: string[]];

function dumpOf(tables: readonly DumpTable[]): Buffer {
  const statements = tables.flatMap(([table, columns, ...rows]) => [
    `CREATE TABLE \`${table}\` (${columns
      .split(",")
      .map((name) => `\`${name}\` text`)
      .join(",")});`,
    ...rows.map((row) => `INSERT INTO \`${table}\` VALUES (${row});`),
  ]);
  return Buffer.from([...statements, "-- Dump completed", ""].join("\n"));
}

test("a dump of an older version is read with the columns that it has", async () => {
  const time = "'2024-03-01 10:00:00.123'";
  const tables: DumpTable[] = [
    ["workspaces", "id", "'ws_1'"],
    [
      "apis",
      "id,name,workspace_id,ip_whitelist,key_auth_id,created_at,deleted_at",
      `'api_old','old','ws_1',NULL,'ks_1',${time},NULL`,
    ],
    ["key_auth", "id,workspace_id", "'ks_1','ws_1'"],
    [
      "keys",
      "id,key_auth_id,hash,start,workspace_id,for_workspace_id,name,identity_id,meta,expires,enabled,created_at,deleted_at,remaining_requests,refill_interval,refill_amount,last_refill_at",
      `'key_old','ks_1','${sha256("old")}','','ws_1',NULL,NULL,NULL,NULL,NULL,1,${time},NULL,3,'monthly',50,${time}`,
      `'key_gone','ks_1','${sha256("gone")}','','ws_1',NULL,NULL,NULL,NULL,NULL,1,${time},${time},3,NULL,NULL,NULL`,
    ],
    ["identities", "id,external_id,workspace_id,meta,created_at"],
    ["ratelimits", "id,name,key_id,identity_id,limit,duration"],
    ["permissions", "id,workspace_id,name", "'perm_old','ws_1','docs.read'"],
    ["roles", "id,workspace_id,name"],
    ["keys_permissions", "key_id,permission_id", "'key_old','perm_old'"],
    ["keys_roles", "key_id,role_id"],
    ["roles_permissions", "role_id,permission_id"],
    ["ratelimit_namespaces", "id,workspace_id,name"],
    ["ratelimit_overrides", "id,workspace_id,namespace_id,identifier,limit,duration"],
  ];
  const { records, said } = await recordsIn(dumpOf(tables));
  const createdAtMs = Date.UTC(2024, 2, 1, 10, 0, 0, 123);
  expect(said).toEqual([]);
  expect(records.map(({ type }) => type)).toEqual(["permission", "api", "key"]);
  expect(records).toMatchObject([
    { slug: "docs.read", name: "docs.read" },
    { id: "api_old", createdAtMs },
    {
      id: "key_old",
      createdAtMs,
      permissions: ["perm_old"],
      balance: { remaining: 3, refillAmount: 50, refillDay: 1, nextRefillAtMs: Date.UTC(2024, 3, 1) },
    },
  ]);
});

describe("unusual values", () => {
  /** Tables with keys that have these values in `expires`, `enabled`, `identity_id` and `last_used_at`. */
  const tablesWith = (
    keys: readonly string[],
    identities: readonly string[] = [],
    deletedAt = "NULL",
  ): DumpTable[] => [
    ["workspaces", "id", "'ws_1'"],
    [
      "apis",
      "id,name,workspace_id,ip_whitelist,key_auth_id,deleted_at_m",
      "'api_1','a','ws_1',NULL,700,NULL",
    ],
    ["key_auth", "id", "700"],
    [
      "keys",
      "id,key_auth_id,hash,start,workspace_id,for_workspace_id,name,meta,remaining_requests,refill_amount,expires,enabled,identity_id,last_used_at,deleted_at_m",
      ...keys.map(
        (values, at) =>
          `'key_${at}',700,'${sha256(`${at}`)}','','ws_1',NULL,NULL,NULL,NULL,NULL,${values},${deletedAt}`,
      ),
    ],
    ["identities", "id,external_id,workspace_id,meta,deleted", ...identities],
    ["ratelimits", "id,name,key_id,identity_id,limit,duration"],
    [
      "permissions",
      "id,workspace_id,name,slug",
      "101,'ws_1','good','good'",
      "102,'ws_1','bad','not possible'",
    ],
    ["roles", "id,workspace_id,name", "103,'ws_1','editor'", `104,'ws_1','${"r".repeat(600)}'`],
    ["keys_permissions", "key_id,permission_id", "'key_0',101", "'key_0',102"],
    ["keys_roles", "key_id,role_id", "'key_0',103", "'key_0',104"],
    ["roles_permissions", "role_id,permission_id", "103,101", "103,102"],
    ["ratelimit_namespaces", "id,workspace_id,name,deleted_at_m"],
    ["ratelimit_overrides", "id,workspace_id,namespace_id,identifier,limit,duration,deleted_at_m"],
  ];
  const ordinary = "NULL,1,NULL,NULL";
  const keysIn = async (...tables: Parameters<typeof tablesWith>) => {
    const { records, said } = await recordsIn(dumpOf(tablesWith(...tables)));
    return { records, said, keys: records.flatMap((record) => (record.type === "key" ? [record] : [])) };
  };

  test("a key whose expiry cannot be read is not imported, with a note", async () => {
    const { records, said } = await keysIn([
      "'0000-00-00 00:00:00',1,NULL,1",
      "'2030-01-01 00:00:00',1,NULL,2",
    ]);
    expect(records.filter(({ type }) => type === "key" || type === "lastUse")).toMatchObject([
      { id: "key_1", expiresAtMs: Date.UTC(2030, 0) },
      { keyId: "key_1", atMs: 2 },
    ]);
    expect(said).toEqual([`The key key_0 is not imported: its expiry "0000-00-00 00:00:00" is not a time.`]);
  });

  test("a key whose deletion time is 0 is not imported, since Unkey treats it as deleted, with a note", async () => {
    const { keys, said } = await keysIn([ordinary], [], "0");
    expect([keys, said]).toEqual([[], [expect.stringContaining("Keys whose deletion time is 0")]]);
  });

  test("flags are read from bits and numbers", async () => {
    const { keys } = await keysIn(
      ["NULL,0x01,'i0',NULL", "NULL,0x00,'i1',NULL", "NULL,'1','i2',NULL", "NULL,NULL,'i0',NULL"],
      ["'i0','u0','ws_1',NULL,0x00", "'i1','u1','ws_1',NULL,0x01", "'i2','u2','ws_1',NULL,0"],
    );
    expect(keys.map(({ enabled, identityId }) => [enabled, identityId])).toEqual([
      [true, "i0"],
      [false, null],
      [true, "i2"],
      [false, "i0"],
    ]);
  });

  test("the records of last uses come after all keys, so that keys are written in large batches", async () => {
    const { records } = await keysIn(["NULL,1,NULL,5", ordinary, "NULL,1,NULL,'2026-01-01 00:00:00'"]);
    const last = records.slice(-5);
    expect(last.map(({ type }) => type)).toEqual(["key", "key", "key", "lastUse", "lastUse"]);
    expect(last.slice(-2)).toMatchObject([
      { keyId: "key_0", atMs: 5 },
      { keyId: "key_2", atMs: Date.UTC(2026, 0) },
    ]);
  });

  test("permissions and roles that are not valid in Latchkey are omitted from keys and roles, with a note", async () => {
    const scratch = await staged(dumpOf(tablesWith([ordinary])));
    const notes: string[] = [];
    const note = (sentence: string) => void notes.push(sentence);
    const reading = { apiId: undefined, workspaceId: "ws_here", nowMs: created, note };
    const entries = await Array.fromAsync(entriesOf(readUnkeyDump(scratch, reading), note));
    await scratch.close();
    const [role, key] = [
      entries.find(({ type }) => type === "role"),
      entries.find(({ type }) => type === "key"),
    ];
    expect(role?.fields).toMatchObject({ id: "103", permissions: ["101"] });
    expect(key?.fields).toMatchObject({ id: "key_0", permissions: ["101"], roles: ["103"] });
    expect(notes).toEqual([
      expect.stringContaining("The permission bad is not imported: slug"),
      "The role editor is imported without those of its permissions that are not imported.",
      expect.stringContaining("is not imported: name"),
      "The key key_0 is imported without those of its permissions and roles that are not imported.",
    ]);
  });
});
