import { expect, test } from "bun:test";
import fc from "fast-check";
import { linkedTable } from "./linkedTable.ts";

type Entry = { workspaceId: string; name: string; next: Entry | undefined };

test("a table finds exactly the entries that were added and not removed, like a Map, whatever their names are", () => {
  const names = fc.constantFrom(
    ...Array.from({ length: 200 }, (_, number) => `name ${number}`),
    "",
    "é",
    "😀",
  );
  const step = fc.record({
    workspaceId: fc.constantFrom("ws_1", "ws_2"),
    name: names,
    removes: fc.boolean(),
  });
  const history = fc.array(step, { maxLength: 500, size: "max" });
  fc.assert(
    fc.property(history, (steps) => {
      const table = linkedTable<Entry>();
      const expected = new Map<string, Entry>();
      for (const { workspaceId, name, removes } of steps) {
        const id = `${workspaceId}/${name}`;
        const known = expected.get(id);
        expect(table.find(workspaceId, name)).toBe(known as Entry);
        if (known === undefined) {
          const entry = { workspaceId, name, next: undefined };
          table.add(entry);
          expected.set(id, entry);
        } else if (removes) {
          table.remove(known);
          expected.delete(id);
        }
      }
      expect(table.size).toBe(expected.size);
      for (const entry of expected.values()) expect(table.find(entry.workspaceId, entry.name)).toBe(entry);
    }),
    { numRuns: 50 },
  );
});

test("repeated calls of `nextBucket` visit every entry, a few at a time", () => {
  const table = linkedTable<Entry>();
  const all = Array.from({ length: 1_000 }, (_, number) => ({
    workspaceId: "ws_1",
    name: `${number}`,
    next: undefined,
  }));
  for (const entry of all) table.add(entry);
  const seen = new Set<Entry>();
  for (let step = 0; step < 1_000; step += 1) {
    const before = seen.size;
    for (let entry = table.nextBucket(); entry !== undefined; entry = entry.next) seen.add(entry);
    expect(seen.size - before).toBeLessThan(20);
  }
  expect(seen.size).toBe(1_000);
});
