import { describe, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { engines } from "../../../test/harness.ts";
import { workOf } from "../../../test/plans.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { recordingQueries } from "../../../test/statements.ts";
import { inBatches } from "../../storage/batches.ts";
import { listApis } from "../../storage/queries/apis.ts";
import { rowBudget } from "../../storage/queries/walk.ts";

type Listed = { id: string; name: string };
type Listing = { data: Listed[]; pagination: { hasMore: boolean; cursor?: string } };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const create = async (name: string): Promise<string> => {
    server.clock.advance(1);
    return (await space.data("apis.createApi", { name })).apiId;
  };
  const page = async (body: object = {}, options = {}): Promise<Listing> => {
    const reply = await space.call("apis.listApis", body, options);
    expect([reply.status, reply.body.error]).toEqual([200, undefined]);
    return reply.body;
  };
  const names = async (body: object = {}, options = {}) =>
    (await page(body, options)).data.map(({ name }) => name);
  /** reads all pages; returns the names in order */
  const walk = async (body: object) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { data, pagination } = await page({ ...body, cursor });
      seen.push(...data.map(({ name }) => name));
      cursor = pagination.cursor;
    } while (cursor !== undefined);
    return seen;
  };

  test("pages of every size show each api once, oldest first or newest first", async () => {
    const made = ["zzz", "aaa", "mmm", "bbb", "yyy"];
    for (const name of made) await create(name);
    for (const limit of [1, 2, 4, 5, 6]) {
      expect(await walk({ limit })).toEqual(made);
      expect(await walk({ limit, order: "desc" })).toEqual(made.toReversed());
    }
  });

  test("each api has the form in which getApi returns it, and a deleted one is not listed", async () => {
    const apiId = await create("payments");
    await space.data("apis.updateApi", { apiId, defaultPrefix: "pay", deleteProtection: true });
    const gone = await create("gone");
    await space.data("apis.deleteApi", { apiId: gone });
    const { data } = await page();
    expect(data).toEqual([await space.data("apis.getApi", { apiId })]);
  });

  test("a search is literal, and covers the id and the name", async () => {
    const apiId = await create("Payments 100%");
    await create("payments 1000");
    expect(await names({ search: "100%" })).toEqual(["Payments 100%"]);
    expect(await names({ search: "PAYMENTS" })).toEqual(["Payments 100%", "payments 1000"]);
    expect(await names({ search: apiId })).toEqual(["Payments 100%"]);
    // not the others, although every id has a `_`
    expect(await names({ search: "_" })).toEqual(["Payments 100%", "payments 1000"]);
    expect(await names({ search: "  " })).toHaveLength(2);
  });

  test("a root key sees exactly the apis that it may read", async () => {
    const [first, , third] = [await create("first"), await create("second"), await create("third")];
    const rootKey = await space.keyWith(
      `api.${third}.read_api`,
      `api.${first}.read_api`,
      "api.api_other.read_api",
      "api.*.read_key",
    );
    expect(await names({}, { rootKey })).toEqual(["first", "third"]);
    expect(await names({ order: "desc" }, { rootKey })).toEqual(["third", "first"]);
    const { pagination } = await page({ limit: 1 }, { rootKey });
    expect(await names({ limit: 1, cursor: pagination.cursor }, { rootKey })).toEqual(["third"]);
  });

  test.each([{ order: "newest" }, { order: "DESC" }, { limit: 0 }, { cursor: "x" }, { search: 5 }])(
    "%p is refused and named",
    async (body) => {
      expect(await space.flaws("apis.listApis", body)).toEqual([`body.${Object.keys(body)[0]}`]);
    },
  );

  test("among many apis, a page reads a bounded number of rows, and a search continues where it stopped", async () => {
    const count = 4 * rowBudget;
    const rows = Array.from({ length: count }, (_, index) => ({
      id: `api_${String(index).padStart(22, "0")}`,
      workspaceId: space.id,
      name: index === count - 1 ? "the needle" : `api ${index}`,
      createdAtMs: 1,
      deletedAtMs: null,
      deleteProtection: 0 as const,
      defaultPrefix: null,
      defaultByteLength: null,
    }));
    const { engine: storage } = server.services;
    await storage.transaction(async (tx) => {
      await inBatches(rows, (batch) => tx.insertInto("apis").values(batch).execute());
    });
    const first = await page({ search: "needle" });
    expect(first).toMatchObject({ data: [], pagination: { hasMore: true } });
    expect(await walk({ search: "needle" })).toEqual(["the needle"]);
    expect(await names({ search: "needle", order: "desc" })).toEqual(["the needle"]);

    const walks = [
      { limit: 101, search: undefined, most: 110 },
      { limit: 101, search: undefined, descending: true, afterId: rows[3_000]?.id, most: 110 },
      { limit: 101, search: "needle", most: 2 * rowBudget + 10 },
      { limit: 101, search: "needle", onlyIds: rows.slice(0, 600).map(({ id }) => id), most: 610 },
    ];
    for (const { most, ...walked } of walks) {
      const recorded: CompiledQuery[] = [];
      const slow = recordingQueries(storage.slow, recorded);
      await listApis(slow, space.id, { afterId: undefined, onlyIds: undefined, ...walked });
      const { fullScans, sorts, rowsRead = 0 } = await workOf(storage, recorded);
      expect({ walked, fullScans, sorts }).toEqual({ walked, fullScans: [], sorts: [] });
      expect(rowsRead).toBeLessThanOrEqual(most);
    }
  }, 30_000);
});
