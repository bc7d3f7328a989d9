import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { engines, startTest, type TestServer } from "../../../test/harness.ts";
import { makeWorkspace, type Workspace } from "../../../test/workspace.ts";
import { encodeCursor } from "../../domain/cursor.ts";

type Listed = { id: string; externalId: string };

describe.each(engines)("on $name,", (engine) => {
  let server: TestServer;
  let space: Workspace;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    space = await makeWorkspace(server);
  });
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

  /** All pages, and what `between` did after each. */
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

  test("nothing is an empty list without a cursor", async () => {
    expect(await page({})).toMatchObject({ data: [], pagination: { hasMore: false } });
    expect((await page({})).pagination).toEqual({ hasMore: false });
  });

  test("identities come whole and in the order in which they were made", async () => {
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

  test("100 rows are a page where no limit is given", async () => {
    const rows = Array.from({ length: 101 }, (_, i) => `many_${i}`);
    await Promise.all(rows.map((externalId) => create(externalId)));
    const first = await page({});
    expect(first.data).toHaveLength(100);
    const last = await page({ cursor: first.pagination.cursor });
    expect(last.data).toHaveLength(1);
    expect(last.pagination).toEqual({ hasMore: false });
  });

  test("what exists throughout is seen once while others come and go", async () => {
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

  test("a cursor whose row is gone goes on after its place", async () => {
    const [first = "", second = "", third] = await createMany(3);
    const { pagination } = await page({ limit: 2 });
    await space.data("identities.deleteIdentity", { identity: second });
    expect((await page({ cursor: pagination.cursor })).data.map(({ id }) => id)).toEqual([third ?? ""]);
    expect((await page({ cursor: encodeCursor(first) })).data.map(({ id }) => id)).toEqual([third ?? ""]);
  });

  describe("a cursor is taken in every form that it may have:", () => {
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

    test("looks into ids too, and nothing is no filter", async () => {
      const { data } = await page({});
      const [one] = data;
      expect(await externalIds({ search: one?.id.slice(3).toLowerCase() })).toEqual([one?.externalId ?? ""]);
      expect(await externalIds({ search: "ID_" })).toEqual(all);
      expect(await externalIds({ search: "" })).toEqual(all);
    });

    test("goes on through its pages", async () => {
      const found = await walk({ search: "-user", limit: 1 });
      expect(found.map((one) => one.externalId)).toEqual(["x-User.one", "x-user-two", "x-USER"]);
    });

    test("finds what holds the text and nothing else", async () => {
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
});
