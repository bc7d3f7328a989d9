import { expect, test } from "bun:test";
import { maxPageBytes, pageOf } from "../../storage/jsonPage.ts";
import { loadedPage } from "./paging.ts";

const mebibyte = 1024 * 1024;
const rowsOf = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `id_${String(index).padStart(3, "0")}`, bytes }));
const itemOf = ({ id, bytes }: { id: string; bytes: number }) => ({ id, text: "x".repeat(bytes) });
const idsOf = (items: { id: string }[]) => items.map(({ id }) => id);

/** Calls `loadedPage`. `loads` has how many rows each call of `load` got. */
async function loaded(rows: ReturnType<typeof rowsOf>, limit: number, bytesOf = rows[0]?.bytes ?? 0) {
  const loads: number[] = [];
  const load = async (some: typeof rows) => {
    loads.push(some.length);
    return some.map(itemOf);
  };
  const { items, nextAfterId } = await loadedPage(rows, limit, {
    bytesOf: () => bytesOf,
    load: (some) => load([...some]),
  });
  return { ids: idsOf(items), nextAfterId, loads };
}

test("a page ends before the item that would make it too large, and says where the next one begins", () => {
  const rows = rowsOf(101, mebibyte);
  const { items, nextAfterId } = pageOf(rows, 100, itemOf);
  expect(idsOf(items)).toEqual(idsOf(rows.slice(0, 7)));
  expect(nextAfterId).toBe("id_006");
  expect(pageOf(rowsOf(15, mebibyte / 2), 100, itemOf).items).toHaveLength(15);
  expect(pageOf(rowsOf(100, 10), 100, itemOf).nextAfterId).toBeUndefined();
  expect(pageOf(rowsOf(101, 10), 100, itemOf).nextAfterId).toBe("id_099");
});

test("the JSON of a page is that of its items", () => {
  for (const [count, bytes] of [
    [0, 0],
    [1, 10],
    [101, 10],
    [9, mebibyte * 0.88],
    [101, 70_000],
    [101, mebibyte],
  ] as const) {
    const { items, json } = pageOf(rowsOf(count, bytes), 100, (row) => ({
      ...itemOf(row),
      name: '"\n\u2028é',
    }));
    expect(json).toBe(JSON.stringify(items));
  }
});

test("a page with more bytes than characters ends before the item that would make it too large", () => {
  const rows = rowsOf(101, mebibyte / 2);
  const { items } = pageOf(rows, 100, ({ id, bytes }) => ({ id, text: "é".repeat(bytes) }));
  expect(idsOf(items)).toEqual(idsOf(rows.slice(0, 7)));
});

test("of items that do not fit on a page, few are written as JSON", () => {
  let written = 0;
  const { items } = pageOf(rowsOf(101, mebibyte), 100, (row) => ({
    ...itemOf(row),
    toJSON() {
      written += 1;
      return itemOf(row);
    },
  }));
  expect(items).toHaveLength(7);
  expect(written).toBeLessThan(20);
});

test("an item that alone is larger than a page gets its own page", async () => {
  const rows = rowsOf(3, 9 * mebibyte);
  expect(pageOf(rows, 100, itemOf)).toMatchObject({ items: [{ id: "id_000" }], nextAfterId: "id_000" });
  expect(await loaded(rows, 100)).toEqual({ ids: ["id_000"], nextAfterId: "id_000", loads: [1] });
  expect(await loaded(rows.slice(2), 100)).toEqual({ ids: ["id_002"], nextAfterId: undefined, loads: [1] });
});

test("loading stops when the page is full", async () => {
  const rows = rowsOf(101, mebibyte);
  const page = { ids: idsOf(rows.slice(0, 7)), nextAfterId: "id_006" };
  expect(await loaded(rows, 100)).toEqual({ ...page, loads: [2, 2, 2, 2] });
  expect(await loaded(rows, 100, maxPageBytes)).toEqual({ ...page, loads: [1, 1, 1, 1, 1, 1, 1, 1] });
});

test("items that are smaller than estimated fill the page", async () => {
  const rows = rowsOf(11, 10);
  const ids = idsOf(rows);
  expect(await loaded(rows, 10, 3 * mebibyte)).toMatchObject({
    ids: ids.slice(0, 10),
    nextAfterId: "id_009",
  });
  expect(await loaded(rows, 11, 3 * mebibyte)).toMatchObject({ ids, nextAfterId: undefined });
  expect(await loaded([], 10)).toEqual({ ids: [], nextAfterId: undefined, loads: [] });
});
