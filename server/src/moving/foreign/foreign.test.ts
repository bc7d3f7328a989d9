/** Tests of importing keys from other products. `fixtures/README.md` says how their databases were created. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { SQL } from "bun";
import { postgres } from "../../../test/harness.ts";
import { createdIn, importCsv, importForeign, unchangedIn } from "../../../test/importForeign.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import type { Workspace } from "../../../test/workspace.ts";
import { openForeign, openScratch } from "../../storage/open.ts";
import type { DocumentRecord } from "../format.ts";
import { betterAuthTables, readBetterAuth } from "./betterAuth.ts";
import type { Reading } from "./foreignRecords.ts";
import { readLiteLlm } from "./liteLlm.ts";
import { dumpText } from "./mysqlDump/dumpText.ts";
import { stageDump } from "./mysqlDump/stageDump.ts";

const fixtureBytes = (name: string) => readFileSync(join(import.meta.dir, "fixtures", name));
const fixture = (name: string) => fixtureBytes(name).toString();
const folder = mkdtempSync(join(tmpdir(), "latchkey-foreign-"));
const liteLlmUrl = await postgres.url(folder);
const betterAuthUrl = await postgres.url(folder);
const server = testServer({});
const workspace = testWorkspace(server);

beforeAll(async () => {
  const file = new Database(join(folder, "better-auth.db"), { create: true });
  file.run(fixture("better-auth-1.7.5.sqlite.sql"));
  file.close();
  await fill(liteLlmUrl, "litellm-0.4.110.sql");
  await fill(betterAuthUrl, "better-auth-1.7.5.postgres.sql");
});
afterAll(async () => {
  await postgres.drop?.(liteLlmUrl);
  await postgres.drop?.(betterAuthUrl);
  rmSync(folder, { recursive: true, force: true });
});

const imported = (read: (reading: Reading) => AsyncIterable<DocumentRecord>) =>
  importForeign(server, workspace.id, read);

async function fill(url: string, name: string): Promise<void> {
  const client = new SQL(url, { max: 1 });
  await client.unsafe(fixture(name));
  await client.close();
}

const verifierOf =
  (of: Workspace) =>
  (key: string, more: object = {}) =>
    of.data("keys.verifyKey", { key, ...more });
const verify = verifierOf(workspace);

/** The same keys in each database that better-auth's plugin supports. */
const betterAuth = [
  {
    database: "SQLite",
    open: () => openForeign(join(folder, "better-auth.db")),
    wrote: {
      userId: "5XLNVY4QGqfJqVP6tRv9oXleJ0rCihqj",
      plain: "UCiYgvGVjnWKXZfUVUzjcuHecAvQleEPqzDrcolkplomEDKXPhdgYcRsquGgOjRV",
      limited: "pay_jHwpDnNLVzHoDXgeQyjIvccTRAVQxAQAjbbSqXRqtiVqRiUkSFyMbAVHXkoHmuxS",
      refilled: "rUYMehOYqghXuNbqpoHqwAxnEKimPleGSEawyqaUYWBrpcvwRybJtXNZIAswzDuP",
      permitted: "RbKzBgIrrDdBmkLOqGZtNnSvbRCbeoqSKlKCMtESObGEBnXtcVSVXjVVMYPwbolM",
      off: "EUuIaCkxWjpHGHLeRDoHHKwSZxMYgqWvdNPYVvypKmttJQKgcRuQRxarlXPDWZQh",
      meta: { plan: "pro" },
    },
  },
  {
    database: "PostgreSQL",
    open: () => openForeign(betterAuthUrl),
    wrote: {
      userId: "TiJXCOYZKszb5ftBKtMcjctSWtJguYRB",
      plain: "KpGJfPQfyggpuwgwAKtRlJLjxKojqSRKoRxRfJZOujLGKyDVJwfiYavQRDwVprfL",
      limited: "pay_hDJlgvrmIXFnWmeeZDqeUsAVTtvrdUAEDiwadDlEplbrAxHdeoOAqUDAOkPVEHAg",
      refilled: "XyLUoEUtcDEjHzkcvKWCGORulXOCMsWkRNkgWHzLZTljxwhorXFuECUcVqXdDsmE",
      permitted: "QcHaChCPbgxvFYPJzCCHiiOVtnwUkPDSlHTsfVuqQEGHofkhDZPfEsQngRjcdnhE",
      off: "iAueBwtouSpQTkhtCTgLCVJrteCAmYjCiDUkPmxqcYtxFqJMfQIduKuOJMUoEjXD",
      meta: { plan: "pro", note: `it's "ünï" \\ 🔑\nline` },
    },
  },
  {
    database: "MySQL, in a dump",
    async open() {
      const scratch = openScratch();
      const dump = dumpText(Readable.from([fixtureBytes("better-auth-1.7.5.mysqldump.sql")]));
      await stageDump(dump, betterAuthTables, scratch);
      return scratch;
    },
    wrote: {
      userId: "FOagnQpAJ1fg9ECJlB1MCOMzmK4jZ2ru",
      plain: "tVFbiqUNNCiZiXDwBgNtlMCcfxCPXoSBluWRlWtgRiJtDDxaOTZWuWDfryKZOdhz",
      limited: "pay_oLXjRYQjuVOmUHLaRbJfsQxItrSYKheEzsGpbKQYPqzAvyneAbzHqddYhhRrKJAm",
      refilled: "NsXzByFupXqyIzXDNpgzMtkRzxBijfPQOitsdcLVBulrNlnZKsoWquXriugJnfhg",
      permitted: "uvQtoQEYUfNiqrDXeGopbqHlbMwdeFrhVletKyHDHlJpDuMcXgXUpkWoTREQXhiE",
      off: "dwhFMKiBUDrmAcNzDukQESdPocqcpsQQGxNGjCFzuYSirTyWdyAfMWCLSkhsmwHB",
      meta: { plan: "pro", note: `it's "ünï" \\ 🔑\nline` },
    },
  },
];

describe.each(betterAuth)("better-auth on $database", ({ open, wrote }) => {
  const server = testServer({});
  const workspace = testWorkspace(server);
  const verify = verifierOf(workspace);
  const { userId, plain, limited, refilled, permitted, off, meta } = wrote;

  async function importedKeys() {
    const database = await open();
    try {
      return await importForeign(server, workspace.id, (reading) => readBetterAuth(database, reading));
    } finally {
      await database.close();
    }
  }

  test("its keys verify with their user, credits, limits, permissions and refills", async () => {
    const report = await importedKeys();
    expect(createdIn(report)).toEqual({ permission: 3, api: 1, identity: 1, key: 5 });
    expect([report.refusals, report.notes]).toEqual([[], []]);
    expect(await verify(plain)).toMatchObject({
      code: "VALID",
      identity: { externalId: userId },
      ratelimits: [{ name: "requests", limit: 5 }],
    });
    expect(await verify(limited)).toMatchObject({ code: "VALID", credits: 2, meta });
    expect((await verify(permitted, { permissions: "files.read AND users.read" })).code).toBe("VALID");
    expect((await verify(permitted, { permissions: "users.write" })).code).toBe("INSUFFICIENT_PERMISSIONS");
    expect((await verify(off)).code).toBe("DISABLED");
    for (let use = 0; use < 10; use += 1) expect((await verify(refilled)).code).toBe("VALID");
    expect((await verify(refilled)).code).toBe("USAGE_EXCEEDED");
    server.clock.advance(7 * 86_400_000 - 1); // the quota's period of seven days began with the first use
    expect((await verify(refilled)).code).toBe("USAGE_EXCEEDED");
    server.clock.advance(1);
    expect((await verify(refilled)).code).toBe("VALID");
  });

  test("another workspace of the same server can import them too", async () => {
    const other = await server.makeWorkspace();
    const database = await open();
    const read = () => importForeign(server, other, (reading) => readBetterAuth(database, reading));
    const all = { permission: 3, api: 1, identity: 1, key: 5 };
    expect(createdIn(await read())).toEqual(all);
    server.clock.advance(60_000);
    expect(unchangedIn(await read())).toEqual(all);
    await database.close();
  });

  test("importing them again creates nothing", async () => {
    await importedKeys();
    const again = await importedKeys();
    expect(createdIn(again)).toEqual({ permission: 0, api: 0, identity: 0, key: 0 });
  });
});

describe("LiteLLM", () => {
  test("each workspace of a server can import the same keys, once", async () => {
    const database = await openForeign(liteLlmUrl);
    for (const id of [await server.makeWorkspace(), await server.makeWorkspace()]) {
      const read = () => importForeign(server, id, (reading) => readLiteLlm(database, reading));
      expect(createdIn(await read())).toEqual({ api: 1, identity: 1, key: 3 });
      server.clock.advance(60_000);
      expect(unchangedIn(await read())).toEqual({ api: 1, identity: 1, key: 3 });
    }
    await database.close();
  });

  test("its keys verify with their limits, and a note names everything that is not carried over", async () => {
    const database = await openForeign(liteLlmUrl);
    const report = await imported((reading) => readLiteLlm(database, reading));
    await database.close();
    expect(createdIn(report)).toEqual({ api: 1, identity: 1, key: 3 });
    expect(report.notes).toEqual([
      expect.stringContaining("No identity is imported for the user bob@example.com"),
      expect.stringContaining("The key budget is imported without max_budget"),
    ]);
    const first = await verify("sk-plain-key-of-the-fixture");
    expect(first).toMatchObject({
      code: "VALID",
      identity: { externalId: "user_1" },
      meta: { models: ["gpt-4o"] },
    });
    const key = await workspace.data("keys.getKey", { keyId: first.keyId });
    expect(key.createdAt).toBe(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
    await verify("sk-plain-key-of-the-fixture");
    expect((await verify("sk-plain-key-of-the-fixture")).code).toBe("RATE_LIMITED");
    expect(await verify("sk-budget-key-of-the-fixture")).toMatchObject({
      code: "VALID",
      expires: Date.UTC(2030, 0, 1),
      meta: { plan: "pro" },
    });
    expect((await verify("sk-blocked-key-of-the-fixture")).code).toBe("DISABLED");
  });
});

describe("CSV", () => {
  const fromText = (text: string, apiId?: string) =>
    importCsv({ server, workspaceId: workspace.id, apiId }, text);
  const digest = (key: string, encoding: "hex" | "base64" | "base64url") =>
    new Bun.CryptoHasher("sha256").update(key).digest(encoding);

  test("its keys verify, with hashes in hex, base64 and base64url, and quoted values", async () => {
    const report = await fromText(
      [
        "hash,name,externalId,credits,meta,expires,enabled",
        `${digest("one", "hex")},"Smith, ""Bob""\r\nsecond line",bob,2,"{""plan"":""pro""}",,`,
        `${digest("two", "base64")},,bob,,,2030-01-01,false`,
        `${digest("three", "base64url")},,,,,,true`,
        `$2b$10$abcdefghijklmnopqrstuv,,,,,,`,
        `${digest("five", "hex").slice(1)},,,,,,`,
        `${digest("four", "hex")},,,1.5,,,yes`,
        "",
      ].join("\r\n"),
    );
    expect(createdIn(report)).toEqual({ api: 1, identity: 1, key: 3 });
    expect(report.notes).toEqual([
      expect.stringContaining("Line 6 is not imported: its bcrypt hash is malformed"),
      expect.stringContaining("Line 7 is not imported: its hash is not a SHA-256"),
      "Line 8 is not imported: its credits must be a whole number of at most 15 digits, and its enabled must be true or false.",
    ]);
    expect(await verify("one")).toMatchObject({
      code: "VALID",
      name: 'Smith, "Bob"\r\nsecond line',
      credits: 1,
      meta: { plan: "pro" },
      identity: { externalId: "bob" },
    });
    expect(await verify("two")).toMatchObject({ code: "DISABLED", expires: Date.UTC(2030, 0, 1) });
    expect((await verify("three")).code).toBe("VALID");
  });

  test("each workspace of a server can import the same file, once", async () => {
    const text = `hash,externalId,permissions,roles\n${digest("shared", "hex")},user,read,reader\n`;
    for (const workspaceId of [await server.makeWorkspace(), await server.makeWorkspace()]) {
      const read = () => importCsv({ server, workspaceId }, text);
      const one = { permission: 1, role: 1, api: 1, identity: 1, key: 1 };
      expect(createdIn(await read())).toEqual(one);
      server.clock.advance(60_000);
      expect(unchangedIn(await read())).toEqual(one);
    }
  });

  test("without createdAt, a key counts as created at its first import, and another import changes nothing", async () => {
    const text = `hash,externalId,permissions,roles\n${digest("undated", "hex")},undated,dated.read,undated\n`;
    const importedAtMs = server.clock.nowMs;
    expect(Object.values(createdIn(await fromText(text)))).toEqual([1, 1, 1, 1, 1]);
    server.clock.advance(60_000);
    for (const replace of [false, true]) {
      const again = await importCsv({ server, workspaceId: workspace.id, replace }, text);
      expect(Object.values(again.counts).map(({ unchanged }) => unchanged)).toEqual([1, 1, 1, 1, 1]);
    }
    const { keyId } = await verify("undated");
    expect(await workspace.data("keys.getKey", { keyId })).toMatchObject({ createdAt: importedAtMs });
  });

  test("a time of creation is taken from the file, and a line with one that is not a time is not imported", async () => {
    const report = await fromText(
      [
        "hash,createdAt",
        `${digest("dated", "hex")},2024-02-03 04:05:06`,
        `${digest("misdated", "hex")},yesterday`,
      ].join("\n"),
    );
    expect(report.notes).toEqual([
      "Line 3 is not imported: its createdAt must be an ISO time or Unix milliseconds.",
    ]);
    const { keyId } = await verify("dated");
    const key = await workspace.data("keys.getKey", { keyId });
    expect(key.createdAt).toBe(Date.UTC(2024, 1, 3, 4, 5, 6));
    expect((await verify("misdated")).code).toBe("NOT_FOUND");
  });

  test("its keys get their permissions and roles, which are created if they are missing", async () => {
    const { apiId } = await workspace.data("apis.createApi", { name: "mail" });
    const { permissionId } = await workspace.data("permissions.createPermission", {
      name: "Send",
      slug: "mail.send",
    });
    await workspace.data("permissions.createRole", { name: 'sender, "all"', permissions: ["mail.send"] });
    const report = await fromText(
      [
        "hash,permissions,roles",
        `${digest("listed", "hex")},docs.read; docs.write;docs.read,"sender, ""all"";new role"`,
        `${digest("empty", "hex")},,`,
        `${digest("direct", "hex")},mail.send,`,
        `${digest("odd", "hex")},docs read,`,
      ].join("\n"),
      apiId,
    );
    expect(report.notes).toEqual([
      "Line 5 is not imported: its permissions must be slugs such as documents.read, separated by ;.",
    ]);
    expect(createdIn(report)).toEqual({ permission: 2, role: 1, key: 3 });
    expect(await verify("listed", { permissions: "docs.read AND docs.write AND mail.send" })).toMatchObject({
      code: "VALID",
      roles: expect.arrayContaining(["new role", 'sender, "all"']),
    });
    expect((await verify("empty", { permissions: "docs.read" })).code).toBe("INSUFFICIENT_PERMISSIONS");
    const direct = await verify("direct", { permissions: "mail.send" });
    expect(direct.code).toBe("VALID");
    const permission = await workspace.data("permissions.getPermission", { permission: permissionId });
    expect(permission.name).toBe("Send");
  });

  test.each([
    ["an unknown column", "hash,nam\n", "instead of nam, use name"],
    ["no column hash", "name\n", "must have the column hash"],
    ["a row with too few values", `hash,name\n"a\nb",c\nx\n`, "Line 4 has 1 values, but the header has 2"],
    [
      "a quote that is not closed",
      `hash,name\n"a\nb",c\n"x,y\n`,
      "Line 4: a quote in the row that begins here is not closed",
    ],
  ])("a file with %s is refused with an error that says what to correct", async (_, text, message) => {
    const refusal = await fromText(text).catch((error: Error) => error.message);
    expect(refusal).toContain(message);
  });
});
