import { beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { engines } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { isIn, prepared } from "./prepared.ts";
import type { Db, Schema } from "./schema.ts";

type Wanted = { workspaceId: string; externalIds: readonly string[]; createdAtMs: number | undefined };

/** Builds and runs the same query without `prepared`. */
function select(db: Db, { workspaceId, externalIds, createdAtMs }: Wanted) {
  const query = db
    .selectFrom("identities")
    .selectAll()
    .where("workspaceId", "=", workspaceId)
    .where("externalId", "in", externalIds)
    .orderBy("id");
  return createdAtMs === undefined ? query : query.where("createdAtMs", "<=", createdAtMs);
}

const selectPrepared = prepared((db, { workspaceId, externalIds, createdAtMs }: Wanted) => {
  const query = db
    .selectFrom("identities")
    .selectAll()
    .where("workspaceId", "=", workspaceId)
    .where(isIn("externalId", externalIds))
    .orderBy("id");
  return (createdAtMs === undefined ? query : query.where("createdAtMs", "<=", createdAtMs)).compile();
});
const insertPrepared = prepared((db, { rows }: { rows: readonly Schema["identities"][] }) =>
  db.insertInto("identities").values(rows).compile(),
);

describe.each(engines)("on $name, a prepared query", (engine) => {
  const server = testServer({ engine });
  const awkward = ['"', "\\", "\\n", "\n", "{a,b}", "null", "", "'", "é", "\u{10FFFF}", "path"];
  const ids = Array.from({ length: 130 }, (_, number) => `id_${number}`);
  const externalIds = ids.map((id, number) => awkward[number] ?? `user_${id}`);
  const row = (id: string, number: number): Schema["identities"] => ({
    id,
    workspaceId: server.workspaceId,
    externalId: externalIds[number] ?? "",
    meta: JSON.stringify({ path: [number] }),
    createdAtMs: number,
    updatedAtMs: number % 2 === 0 ? null : number,
  });

  beforeAll(async () => {
    const rows = ids.map(row);
    await server.services.engine.transaction(async (tx) => {
      for (const [from, to] of [
        [0, 1],
        [1, 3],
        [3, 5],
        [5, 130],
      ]) {
        await insertPrepared(tx, { rows: rows.slice(from, to) });
      }
    });
  });

  test("stores each value of each row in its column", async () => {
    const stored = await server.services.engine.db
      .selectFrom("identities")
      .selectAll()
      .where("workspaceId", "=", server.workspaceId)
      .orderBy("createdAtMs")
      .execute();
    expect(stored).toEqual(ids.map(row));
  });

  test("returns what the same query returns without `prepared`, whatever its arguments and their order", async () => {
    const { db } = server.services.engine;
    const wanted = fc.record({
      externalIds: fc.array(fc.constantFrom(...externalIds, "unknown"), { minLength: 1, maxLength: 120 }),
      createdAtMs: fc.option(fc.nat({ max: 130 }), { nil: undefined }),
    });
    const property = fc.asyncProperty(wanted, fc.boolean(), async (given, workspaceFirst) => {
      const { workspaceId } = server;
      const args = workspaceFirst ? { workspaceId, ...given } : { ...given, workspaceId };
      expect(await selectPrepared(db, args)).toEqual(await select(db, args).execute());
    });
    await fc.assert(property, { numRuns: 100 });
  });

  test("finds nothing in an empty list", async () => {
    const wanted = { workspaceId: server.workspaceId, externalIds: [], createdAtMs: undefined };
    expect(await selectPrepared(server.services.engine.db, wanted)).toEqual([]);
  });

  test("is compiled once, however long its list of values is", async () => {
    let built = 0;
    const counted = prepared((db, args: Wanted) => {
      built += 1;
      return db
        .selectFrom("identities")
        .select("id")
        .where("workspaceId", "=", args.workspaceId)
        .where(isIn("externalId", args.externalIds))
        .compile();
    });
    const { db, slow } = server.services.engine;
    for (const length of [0, 1, 2, 50, 120]) {
      const given = externalIds.slice(0, length);
      const args = { workspaceId: server.workspaceId, externalIds: given, createdAtMs: 1 };
      expect(await counted(length === 2 ? slow : db, args)).toHaveLength(length);
    }
    expect(built).toBe(1);
  });
});
