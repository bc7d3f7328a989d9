import { describe, expect, test } from "bun:test";
import { databaseAt } from "../../test/databaseAt.ts";
import { engines } from "../../test/harness.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { openUsageDatabase } from "../storage/engines/usage.ts";
import { importRecords } from "./importRecords.ts";
import { type Entry, parseRecord } from "./parseRecord.ts";
import { readLastUses } from "./usageRecords.ts";

// each connection to memory would have its own usage
const persistentEngines = engines.filter(({ name }) => name !== "sqlite in memory");

describe.each(persistentEngines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const workspace = testWorkspace(server);

  async function* entriesOf(records: readonly object[]): AsyncGenerator<Entry> {
    for (const [index, record] of records.entries()) yield { ...parseRecord(record), line: index + 2 };
  }

  /** Imports these records of usage. Returns the report and the last uses that are stored afterwards. */
  async function run(records: readonly object[], dryRun = false) {
    const { engine, newId, now } = server.services;
    const usage = await openUsageDatabase(databaseAt(server.databaseUrl));
    try {
      const target = { engine, workspaceId: workspace.id, usage, newId, now, actorId: "latchkey import" };
      const rules = { dryRun, replace: false, rootKeys: false, reseal: () => undefined };
      const report = await importRecords(target, entriesOf(records), rules);
      return { report, lastUses: await Array.fromAsync(readLastUses(usage, workspace.id)) };
    } finally {
      await usage.close();
    }
  }

  const countOf = (key: number, count: number, fields: object = {}) => {
    const subject = { kind: "key", subjectId: `key_${key}` };
    return { type: "usage", ...subject, day: "2026-01-10", outcome: "VALID", count, ...fields };
  };
  const useOf = (key: number, atMs: number) => ({ type: "lastUse", keyId: `key_${key}`, atMs });

  test("a dry run reports the same about usage as the import, also about records that the document repeats", async () => {
    await run([
      countOf(1, 10),
      countOf(2, 10),
      countOf(3, 10, { outcome: "DISABLED" }),
      useOf(1, 5),
      useOf(2, 5),
    ]);
    const many = Array.from({ length: 600 }, (_, index) => index + 10); // more than a batch
    const records = [
      countOf(1, 10),
      countOf(2, 11),
      countOf(3, 10),
      ...many.map((key) => countOf(key, 1)),
      countOf(3, 10),
      countOf(3, 12),
      countOf(3, 10, { day: "2026-01-11" }),
      { type: "usage", kind: "workspace", day: "2026-01-10", outcome: "VALID", count: 21 },
      useOf(1, 5),
      useOf(2, 6),
      useOf(3, 5),
      ...many.map((key) => useOf(key, 1)),
      useOf(3, 4),
      useOf(3, 6),
    ];
    const dry = await run(records, true);
    expect(await run(records, true)).toEqual(dry);
    const { report } = await run(records);
    expect(report).toEqual(dry.report);
    expect(report.counts).toMatchObject({
      usage: { created: 603, unchanged: 2, kept: 2 },
      lastUse: { created: 601, changed: 2, unchanged: 2 },
    });
    expect(report.refusals.map(({ line }) => line)).toEqual([3, 606]);
  });

  test("a key's last use is never replaced by an earlier one, however much earlier that is", async () => {
    const day = 86_400_000;
    await run([useOf(1, 40 * day), useOf(2, day)]);
    const { report, lastUses } = await run([useOf(1, day), useOf(2, 40 * day)]);
    expect(report.counts.lastUse).toMatchObject({ changed: 1, unchanged: 1 });
    expect(lastUses.map(({ atMs }) => atMs)).toEqual([40 * day, 40 * day]);
  });
});
