import { describe, expect, test } from "bun:test";
import { engines, postgres } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { balance } from "./accountSchemas.ts";
import { type RecordType, recordSchemas } from "./format.ts";
import { excludedColumns, excludedTables, type Stored, storedIn } from "./tables.ts";

/** For each table, the columns whose values documents contain. */
function coveredColumns(): Map<string, Set<string>> {
  const covered = new Map<string, Set<string>>();
  const add = (table: string, columns: readonly string[]) => {
    const all = covered.get(table) ?? new Set();
    for (const column of columns) all.add(column);
    covered.set(table, all);
  };
  for (const [type, { table, lists = {}, balanceOf }] of Object.entries(storedIn) as [RecordType, Stored][]) {
    const inLists = [...Object.keys(lists), ...(balanceOf === undefined ? [] : ["balance"])];
    add(
      table,
      Object.keys(recordSchemas[type].shape).filter((field) => !inLists.includes(field)),
    );
    for (const { table, owner, value, columns = [], position } of Object.values(lists)) {
      add(table, [owner, ...columns, ...(value ? [value] : []), ...(position ? [position] : [])]);
    }
  }
  add("balances", ["id", ...Object.keys(balance.shape)]);
  return covered;
}

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const tables = async () => {
    const found = await server.services.engine.db.introspection.getTables();
    return found.map(({ name, columns }) => ({ name, columns: columns.map((column) => column.name) }));
  };

  test("every table is in the document format, or named as excluded with a reason", async () => {
    const covered = coveredColumns();
    for (const { name } of await tables()) {
      expect([name, covered.has(name) !== Object.hasOwn(excludedTables, name)]).toEqual([name, true]);
    }
  });

  test("every column is in the document format, or named as excluded with a reason", async () => {
    const covered = coveredColumns();
    for (const { name, columns } of await tables()) {
      if (Object.hasOwn(excludedTables, name)) continue;
      const excluded = Object.keys({ ...excludedColumns["*"], ...excludedColumns[name] });
      expect([name, [...(covered.get(name) ?? []), ...excluded].sort()]).toEqual([
        name,
        [...columns, ...excluded.filter((column) => !columns.includes(column))].sort(),
      ]);
    }
  });

  test.if(engine === postgres)("every table that is named as excluded exists", async () => {
    const names = (await tables()).map(({ name }) => name);
    expect(Object.keys(excludedTables).filter((name) => !names.includes(name))).toEqual([]);
  });
});
