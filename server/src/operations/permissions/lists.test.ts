import { describe, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { engines } from "../../../test/harness.ts";
import { workOf } from "../../../test/plans.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { recordingQueries } from "../../../test/statements.ts";
import { inBatches } from "../../storage/batches.ts";
import { listPermissions } from "../../storage/queries/permissions.ts";
import { listRoles } from "../../storage/queries/roles.ts";
import { rowBudget } from "../../storage/queries/walk.ts";

const count = 3 * rowBudget;
const nameAt = (index: number) => (index === count - 1 ? "the needle" : `name ${index}`);
const numberAt = (index: number) => String(index).padStart(22, "0");

const lists = [
  {
    operation: "permissions.listPermissions",
    list: listPermissions,
    table: "permissions" as const,
    rowAt: (index: number) => ({
      id: `perm_${numberAt(index)}`,
      slug: `slug ${index}`,
      name: nameAt(index),
    }),
  },
  {
    operation: "permissions.listRoles",
    list: listRoles,
    table: "roles" as const,
    rowAt: (index: number) => ({ id: `role_${numberAt(index)}`, name: nameAt(index) }),
  },
];

describe.each(engines)("on $name, among many permissions and roles,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);

  /** Inserts rows of this workspace and of another one, alternately. Returns the id of the row in the middle. */
  async function fill({ table, rowAt }: (typeof lists)[number]): Promise<string> {
    const places = [space.id, await server.makeWorkspace()];
    const rows = Array.from({ length: count }, (_, index) => index).flatMap((index) =>
      places.map((workspaceId) => {
        const row = rowAt(index);
        return { ...row, id: `${row.id}${workspaceId.slice(3)}`, workspaceId, createdAtMs: 1 };
      }),
    );
    await server.services.engine.transaction(async (tx) => {
      await inBatches(rows, (batch) =>
        tx
          .insertInto(table)
          .values(batch as never)
          .execute(),
      );
    });
    return rows[count]?.id ?? "";
  }

  test.each(lists)("a search of $operation continues where it stopped", async (tested) => {
    await fill(tested);
    const found: string[] = [];
    let pages = 0;
    let cursor: string | undefined;
    do {
      const { body } = await space.call(tested.operation, { search: "NEEDLE", cursor });
      found.push(...body.data.map(({ name }: { name: string }) => name));
      cursor = body.pagination.cursor;
      pages += 1;
    } while (cursor !== undefined);
    expect({ found, pages }).toEqual({ found: ["the needle"], pages: 4 });
  });

  /** Must be the last test: once Bun's SQLite has explained a statement, it keeps that snapshot of the database. */
  test("a page reads a bounded number of rows, and sorts none", async () => {
    const { engine: storage } = server.services;
    for (const { list, middle } of await Promise.all(
      lists.map(async (one) => ({ ...one, middle: await fill(one) })),
    )) {
      for (const { most, ...walked } of [
        { limit: 101, search: undefined, afterId: undefined, most: 220 },
        { limit: 101, search: undefined, afterId: middle, most: 220 },
        { limit: 101, search: "needle", afterId: undefined, most: 2 * rowBudget + 10 },
      ]) {
        const recorded: CompiledQuery[] = [];
        await list(recordingQueries(storage.slow, recorded), space.id, walked);
        const { fullScans, sorts, rowsRead = 0 } = await workOf(storage, recorded);
        expect({ walked, fullScans, sorts }).toEqual({ walked, fullScans: [], sorts: [] });
        expect(rowsRead).toBeLessThanOrEqual(most);
      }
    }
  });
});
