/** Keys of other products. `fixtures/README.md` says how their databases were produced. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { databaseAt } from "../../../test/databaseAt.ts";
import { postgres } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { openUsageDatabase } from "../../storage/engines/usage.ts";
import type { ForeignDatabase } from "../../storage/foreignDatabase.ts";
import { openForeign } from "../../storage/open.ts";
import type { DocumentRecord } from "../format.ts";
import { importRecords, type Report } from "../importRecords.ts";
import { readBetterAuth } from "./betterAuth.ts";
import { readCsv } from "./csv.ts";
import { entriesOf, type Reading } from "./foreignRecords.ts";
import { readLiteLlm } from "./liteLlm.ts";

const fixture = (name: string) => readFileSync(join(import.meta.dir, "fixtures", name), "utf8");
const folder = mkdtempSync(join(tmpdir(), "latchkey-foreign-"));
const liteLlmUrl = await postgres.url(folder);
const server = testServer({});
const workspace = testWorkspace(server);

beforeAll(async () => {
  const file = new Database(join(folder, "better-auth.db"), { create: true });
  file.run(fixture("better-auth-1.7.5.sql"));
  file.close();
  const client = new SQL(liteLlmUrl, { max: 1 });
  await client.unsafe(fixture("litellm-0.4.110.sql"));
  await client.close();
});
afterAll(async () => {
  await postgres.drop?.(liteLlmUrl);
  rmSync(folder, { recursive: true, force: true });
});

async function imported(
  read: (reading: Reading) => AsyncIterable<DocumentRecord>,
): Promise<Report & { notes: string[] }> {
  const notes: string[] = [];
  const note = (sentence: string) => void notes.push(sentence);
  const { services } = server;
  const usage = await openUsageDatabase(databaseAt(":memory:"));
  const { engine, newId, now } = services;
  const target = { engine, workspaceId: workspace.id, usage, newId, now, actorId: "latchkey import" };
  const rules = { dryRun: false, replace: false, rootKeys: false, reseal: () => undefined };
  const reading = { apiId: undefined, nowMs: server.clock.nowMs, note };
  const report = await importRecords(target, entriesOf(read(reading), note), rules);
  await usage.close();
  return { ...report, notes };
}

async function fromDatabase(
  place: string,
  read: (database: ForeignDatabase, reading: Reading) => AsyncIterable<DocumentRecord>,
) {
  const database = await openForeign(place);
  try {
    return await imported((reading) => read(database, reading));
  } finally {
    await database.close();
  }
}

const verify = (key: string, more: object = {}) => workspace.data("keys.verifyKey", { key, ...more });
const createdIn = ({ counts }: Report) =>
  Object.fromEntries(Object.entries(counts).map(([type, { created }]) => [type, created]));

describe("better-auth", () => {
  const fromFile = () => fromDatabase(join(folder, "better-auth.db"), readBetterAuth);
  const plain = "UCiYgvGVjnWKXZfUVUzjcuHecAvQleEPqzDrcolkplomEDKXPhdgYcRsquGgOjRV";
  const limited = "pay_jHwpDnNLVzHoDXgeQyjIvccTRAVQxAQAjbbSqXRqtiVqRiUkSFyMbAVHXkoHmuxS";
  const refilled = "rUYMehOYqghXuNbqpoHqwAxnEKimPleGSEawyqaUYWBrpcvwRybJtXNZIAswzDuP";
  const permitted = "RbKzBgIrrDdBmkLOqGZtNnSvbRCbeoqSKlKCMtESObGEBnXtcVSVXjVVMYPwbolM";
  const off = "EUuIaCkxWjpHGHLeRDoHHKwSZxMYgqWvdNPYVvypKmttJQKgcRuQRxarlXPDWZQh";

  test("its keys verify with their user, credits, limits, permissions and refills", async () => {
    const report = await fromFile();
    expect(createdIn(report)).toEqual({ permission: 3, api: 1, identity: 1, key: 5 });
    expect([report.refusals, report.notes]).toEqual([[], []]);
    expect(await verify(plain)).toMatchObject({
      code: "VALID",
      identity: { externalId: "5XLNVY4QGqfJqVP6tRv9oXleJ0rCihqj" },
      ratelimits: [{ name: "requests", limit: 5 }],
    });
    expect(await verify(limited)).toMatchObject({ code: "VALID", credits: 2, meta: { plan: "pro" } });
    expect((await verify(permitted, { permissions: "files.read AND users.read" })).code).toBe("VALID");
    expect((await verify(permitted, { permissions: "users.write" })).code).toBe("INSUFFICIENT_PERMISSIONS");
    expect((await verify(off)).code).toBe("DISABLED");
    for (let use = 0; use < 10; use += 1) expect((await verify(refilled)).code).toBe("VALID");
    expect((await verify(refilled)).code).toBe("USAGE_EXCEEDED");
    server.clock.advance(7 * 86_400_000 - 1); // since the first use
    expect((await verify(refilled)).code).toBe("USAGE_EXCEEDED");
    server.clock.advance(1);
    expect((await verify(refilled)).code).toBe("VALID");
  });

  test("importing them again creates nothing", async () => {
    await fromFile();
    const again = await fromFile();
    expect(createdIn(again)).toEqual({ permission: 0, api: 0, identity: 0, key: 0 });
  });
});

describe("LiteLLM", () => {
  test("its keys verify with their limits, and what is not carried over is named", async () => {
    const report = await fromDatabase(liteLlmUrl, readLiteLlm);
    expect(createdIn(report)).toEqual({ api: 1, identity: 1, key: 3 });
    expect(report.notes).toEqual([
      expect.stringContaining("The user bob@example.com gets no identity"),
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
  const fromText = (text: string) =>
    imported((reading) =>
      readCsv(async function* () {
        for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
      }, reading),
    );
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
        `${digest("four", "hex")},,,1.5,,,`,
        "",
      ].join("\r\n"),
    );
    expect(createdIn(report)).toEqual({ api: 1, identity: 1, key: 3 });
    expect(report.notes).toEqual([
      expect.stringContaining("Line 5 is not imported: its hash is not a SHA-256"),
      expect.stringContaining("Line 6 is not imported: credits"),
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

  test.each([
    ["an unknown column", "hash,nam\n", "instead of nam, use name"],
    ["no column hash", "name\n", "hash among them"],
    ["a row with too few values", `hash,name\nx\n`, "Line 2: it has 1 values"],
    ["a quote that is not closed", `hash,name\n"x,y\n`, "quote is not closed"],
  ])("a file with %s is refused, with what to do", async (_, text, message) => {
    const refusal = await fromText(text).catch((error: Error) => error.message);
    expect(refusal).toContain(message);
  });
});
