import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { CompiledQuery } from "kysely";
import { engines } from "../../../test/harness.ts";
import { workOf } from "../../../test/plans.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { recordingQueries } from "../../../test/statements.ts";
import { makeWorkspace } from "../../../test/workspace.ts";
import { encodeCursor } from "../../domain/cursor.ts";
import { inBatches } from "../../storage/batches.ts";
import { listIdentities as listRows } from "../../storage/queries/identities.ts";
import { rowBudget } from "../../storage/queries/walk.ts";

type Listed = { id: string; externalId: string };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const create = async (externalId: string, more = {}) =>
    (await space.data("identities.createIdentity", { externalId, ...more })).identityId as string;
  const createMany = async (count: number) => {
    const made: string[] = [];
    for (let i = 0; i < count; i += 1) made.push(await create(`user_${i}`));
    return made;
  };
  const page = async (body: object) => {
    const reply = await space.call("identities.listIdentities", body);
    expect([reply.status, reply.body.error]).toEqual([200, undefined]);
    return reply.body as { data: Listed[]; pagination: { hasMore: boolean; cursor?: string } };
  };
  const externalIds = async (body: object) => (await page(body)).data.map((one) => one.externalId);

  /** Reads all pages, and calls `between` after each. */
  async function walk(body: object, between: (seen: number) => Promise<void> = async () => undefined) {
    const seen: Listed[] = [];
    let cursor: string | undefined;
    do {
      const { data, pagination } = await page(cursor === undefined ? body : { ...body, cursor });
      seen.push(...data);
      expect(pagination.hasMore).toBe(pagination.cursor !== undefined);
      cursor = pagination.cursor;
      await between(seen.length);
    } while (cursor !== undefined);
    return seen;
  }

  test("a root key that may read 70,000 identities one by one is shown those that exist, in order", async () => {
    const made = await createMany(3);
    await create("not_granted");
    const permitted = Array.from({ length: 70_000 }, (_, index) => `id_${index}`);
    permitted.splice(35_000, 0, ...made.toReversed());
    const rootKey = await space.keyWith(...permitted.map((id) => `identity.${id}.read_identity`));
    const list = async (body: object) => {
      const { status, body: reply } = await space.call("identities.listIdentities", body, { rootKey });
      expect([status, reply.error]).toEqual([200, undefined]);
      return reply;
    };
    const first = await list({ limit: 2 });
    expect(first.data.map(({ id }: Listed) => id)).toEqual(made.slice(0, 2));
    const rest = await list({ limit: 2, cursor: first.pagination.cursor });
    expect(rest.data.map(({ id }: Listed) => id)).toEqual(made.slice(2));
  }, 30_000);

  test("a workspace without identities has an empty list without a cursor", async () => {
    expect(await page({})).toMatchObject({ data: [], pagination: { hasMore: false } });
    expect((await page({})).pagination).toEqual({ hasMore: false });
  });

  test("identities are listed with all fields, in the order of creation", async () => {
    const ratelimits = [{ name: "api", limit: 5, duration: 1_000 }];
    await create("zzz", { meta: { a: 1 }, ratelimits });
    await create("aaa");
    await create("AAA");
    const { data } = await page({});
    expect(data.map((one) => one.externalId)).toEqual(["zzz", "aaa", "AAA"]);
    expect(data[0]).toEqual((await space.call("identities.getIdentity", { identity: "zzz" })).body.data);
    expect(data[1]).toMatchObject({ meta: {}, ratelimits: [] });
  });

  test.each([1, 3, 6, 7, 8, 100])(
    "pages of %p show 7 rows once each, in order, and say when they end",
    async (limit) => {
      const made = await createMany(7);
      const pages: number[] = [];
      const seen = await walk({ limit }, async (count) => void pages.push(count));
      expect(seen.map(({ id }) => id)).toEqual(made);
      expect(pages).toHaveLength(Math.ceil(7 / limit));
    },
  );

  test("a page has 100 rows if the request sets no limit", async () => {
    const rows = Array.from({ length: 101 }, (_, i) => `many_${i}`);
    await Promise.all(rows.map((externalId) => create(externalId)));
    const first = await page({});
    expect(first.data).toHaveLength(100);
    const last = await page({ cursor: first.pagination.cursor });
    expect(last.data).toHaveLength(1);
    expect(last.pagination).toEqual({ hasMore: false });
  });

  test("an identity that exists throughout is listed once while others are created and deleted", async () => {
    const stays = await createMany(12);
    const goes = [await create("goes_1"), await create("goes_2")];
    const last = await create("stays_last");
    const seen = await walk({ limit: 3 }, async (count) => {
      await create(`late_${count}`);
      const [gone] = goes.splice(0, 1);
      if (gone !== undefined) await space.call("identities.deleteIdentity", { identity: gone });
    });
    const ids = seen.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => stays.includes(id) || id === last)).toEqual([...stays, last]);
  });

  test("a cursor whose row was deleted continues after its place", async () => {
    const [first = "", second = "", third] = await createMany(3);
    const { pagination } = await page({ limit: 2 });
    await space.data("identities.deleteIdentity", { identity: second });
    expect((await page({ cursor: pagination.cursor })).data.map(({ id }) => id)).toEqual([third ?? ""]);
    expect((await page({ cursor: encodeCursor(first) })).data.map(({ id }) => id)).toEqual([third ?? ""]);
  });

  describe("a cursor is accepted in every form that it may have:", () => {
    const content = (text: string) => Buffer.from(text).toString("base64");
    test.each([
      ["the documents' example", "cursor_eyJrZXkiOiJrZXlfMTIzNCJ9"],
      ["their padded one without prefix", "eyJrZXkiOiJwZXJtXzEyMzQifQ=="],
      ["base64", `cursor_${content('{"key":"id_000","note":"???>>>"}')}`],
      [
        "base64url",
        `cursor_${content('{"key":"id_000","note":"???>>>"}').replace(/\+/g, "-").replace(/\//g, "_")}`,
      ],
      ["with lastId", `cursor_${content('{"lastId":"id_000"}')}`],
      ["of another list", `cursor_${content('{"key":"key_0Ck3vDbnXhq2Tn6Yp1Zs4a"}')}`],
      ["of 1024 characters", content(`{"key":"id_0","x":"${"x".repeat(747)}"}`)],
    ])("%s", async (_, cursor) => {
      await create("user_123");
      expect(cursor.length).toBeLessThanOrEqual(1_024);
      const { data, pagination } = await page({ cursor });
      expect(data.length).toBeLessThanOrEqual(1);
      expect(pagination).toEqual({ hasMore: false });
    });
  });

  test.each([
    "",
    "x",
    "cursor_",
    "cursor_%%%",
    "cursor_e30=",
    "cursor_bnVsbA==",
    "cursor_W10=",
    "eyJrZXkiOjV9",
    "eyJrZXkiOiInIE9SIDE9MSAtLSJ9",
    "eyJrZXkiOiIlIn0=",
    "-1",
    "cursor_eyJrZXkiOiJrZXlfMTIzNCJ9x",
    "a".repeat(1_025),
    "cursor_eyJrZXkiOiJrZX",
    "😀",
  ])("%p is no cursor", async (cursor) => {
    expect(await space.flaws("identities.listIdentities", { cursor })).toEqual(["body.cursor"]);
    const { errors } = (await space.call("identities.listIdentities", { cursor })).body.error;
    expect(errors[0].fix).toBeString();
  });

  test("a cursor of another workspace shows none of its rows", async () => {
    await create("theirs_1");
    await create("theirs_2");
    const { pagination } = await page({ limit: 1 });
    const mine = await makeWorkspace(server);
    await mine.data("identities.createIdentity", { externalId: "mine" });
    const reply = await mine.call("identities.listIdentities", { cursor: pagination.cursor });
    expect(reply.body.data.map((one: Listed) => one.externalId)).toEqual(["mine"]);
  });

  describe("search", () => {
    const all = ["x-User.one", "x-user-two", "us_er", "usXer", "percent", "x-USER", "other", "kilo"];
    beforeEach(async () => {
      for (const externalId of all) await create(externalId);
    });

    test.each([
      ["-user", ["x-User.one", "x-user-two", "x-USER"]],
      ["-USER", ["x-User.one", "x-user-two", "x-USER"]],
      ["us_er", ["us_er"]],
      ["_", all],
      ["%", []],
      ["\\", []],
      ["*", []],
      ["[u]ser", []],
      ["'; drop table identities --", []],
      ["%".repeat(256), []],
      [".", ["x-User.one"]],
      ["SER.o", ["x-User.one"]],
      ["nobody", []],
      ["ſ", []],
      ["ıd", []],
      ["\u212a", []], // the Kelvin sign, whose small letter is k
    ])("for %p finds its literal text, ASCII letters in either case", async (search, found) => {
      expect(await externalIds({ search })).toEqual(found);
    });

    test("covers ids too, and empty text does not filter", async () => {
      const { data } = await page({});
      const [one] = data;
      expect(await externalIds({ search: one?.id.slice(3).toLowerCase() })).toEqual([one?.externalId ?? ""]);
      expect(await externalIds({ search: "ID_" })).toEqual(all);
      expect(await externalIds({ search: "" })).toEqual(all);
    });

    test("continues on further pages", async () => {
      const found = await walk({ search: "-user", limit: 1 });
      expect(found.map((one) => one.externalId)).toEqual(["x-User.one", "x-user-two", "x-USER"]);
    });

    test("finds identities that contain the text, and no others", async () => {
      const alphabet = fc.constantFrom("u", "U", "s", "_", "%", ".", "-", "x", "\\");
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: alphabet, minLength: 1, maxLength: 4 }), async (search) => {
          const holds = (text: string) => text.toLowerCase().includes(search.toLowerCase());
          const { data } = await page({});
          const expected = data.filter((one) => holds(one.externalId) || holds(one.id));
          expect(await externalIds({ search })).toEqual(expected.map((one) => one.externalId));
        }),
        { numRuns: 40 },
      );
    });
  });

  test("a root key for some identities sees those, with pages and search as for all", async () => {
    const made = await createMany(6);
    const mine = [made[1], made[3], made[4]];
    const rootKey = await space.keyWith(...mine.map((id) => `identity.${id}.read_identity`));
    const list = async (body: object) =>
      (await space.call("identities.listIdentities", body, { rootKey })).body;
    expect((await list({})).data.map(({ id }: Listed) => id)).toEqual(mine);
    const first = await list({ limit: 2 });
    expect(first.data.map(({ id }: Listed) => id)).toEqual(mine.slice(0, 2));
    const second = await list({ limit: 2, cursor: first.pagination.cursor });
    expect(second.data.map(({ id }: Listed) => id)).toEqual(mine.slice(2));
    expect(second.pagination).toEqual({ hasMore: false });
    expect((await list({ search: "user_4" })).data.map(({ id }: Listed) => id)).toEqual([made[4]]);
    expect((await list({ search: "user_5" })).data).toEqual([]);
  });

  test("among many identities, a search reads a bounded number of rows, and a rare match is found by paging on", async () => {
    const count = 4 * rowBudget;
    const rows = Array.from({ length: count }, (_, index) => ({
      id: `id_${String(index).padStart(22, "0")}`,
      workspaceId: space.id,
      externalId: index === count - 1 ? "needle" : `user_${index}`,
      meta: "{}",
      createdAtMs: 1,
      updatedAtMs: null,
    }));
    const { engine: storage } = server.services;
    await storage.transaction(async (tx) => {
      await inBatches(rows, (batch) => tx.insertInto("identities").values(batch).execute());
    });
    expect(await page({ search: "needle" })).toMatchObject({ data: [], pagination: { hasMore: true } });
    expect((await walk({ search: "needle" })).map(({ externalId }) => externalId)).toEqual(["needle"]);
    const recorded: CompiledQuery[] = [];
    const filter = { afterId: rows[100]?.id, limit: 101, search: "needle", onlyIds: undefined };
    await listRows(recordingQueries(storage.slow, recorded), space.id, filter);
    const { fullScans, sorts, rowsRead = 0 } = await workOf(storage, recorded);
    expect({ fullScans, sorts }).toEqual({ fullScans: [], sorts: [] });
    expect(rowsRead).toBeLessThanOrEqual(2 * rowBudget + 10);
  }, 60_000);
});
