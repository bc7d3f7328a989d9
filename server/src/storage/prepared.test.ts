import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { prepared } from "./prepared.ts";
import type { Db, Schema } from "./schema.ts";

type Wanted = { workspaceId: string; ids: readonly string[]; createdAtMs: number };

function select(db: Db, { workspaceId, ids, createdAtMs }: Wanted) {
  return db
    .selectFrom("identities")
    .selectAll()
    .where("workspaceId", "=", workspaceId)
    .where("id", "in", ids)
    .where("createdAtMs", "<=", createdAtMs)
    .orderBy("id");
}

const selectPrepared = prepared((db, wanted: Wanted) => select(db, wanted).compile());
const insertPrepared = prepared((db, { rows }: { rows: readonly Schema["identities"][] }) =>
  db.insertInto("identities").values(rows).compile(),
);

describe.each(engines)("on $name, a prepared query", (engine) => {
  let server: TestServer;
  const ids = Array.from({ length: 130 }, (_, number) => `id_${number}`);
  const row = (id: string, number: number): Schema["identities"] => ({
    id,
    workspaceId: server.workspaceId,
    externalId: `user_${id}`,
    meta: JSON.stringify({ path: [number] }),
    createdAtMs: number,
    updatedAtMs: number % 2 === 0 ? null : number,
  });

  beforeAll(async () => {
    server = await startTest({ engine });
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
  afterAll(() => server.stop());

  test("stores each value of each row in its place", async () => {
    const stored = await server.services.engine.db
      .selectFrom("identities")
      .selectAll()
      .where("workspaceId", "=", server.workspaceId)
      .orderBy("createdAtMs")
      .execute();
    expect(stored).toEqual(ids.map(row));
  });

  test("answers what the query built anew answers, whatever its arguments and their order", async () => {
    const { db } = server.services.engine;
    const wanted = fc.record({
      ids: fc.array(fc.constantFrom(...ids, "id_none", "path", "0"), { minLength: 1, maxLength: 120 }),
      createdAtMs: fc.nat({ max: 130 }),
    });
    const property = fc.asyncProperty(wanted, fc.boolean(), async (given, workspaceFirst) => {
      const { workspaceId } = server;
      const args = workspaceFirst ? { workspaceId, ...given } : { ...given, workspaceId };
      expect(await selectPrepared(db, args)).toEqual(await select(db, args).execute());
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
