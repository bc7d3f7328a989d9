import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const create = async (body: object = {}): Promise<string> => {
    server.clock.advance(1);
    return (await space.data("keys.createKey", { apiId, ...body })).keyId;
  };
  const page = async (body: object = {}, options = {}) =>
    (await space.call("apis.listKeys", { apiId, ...body }, options)).body;
  const ids = (data: { keyId: string }[]) => data.map(({ keyId }) => keyId);
  /** reads all pages with `limit` keys each, and calls `between` after each; returns the ids in order */
  const walk = async (limit: number, between = async () => {}) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const { data, pagination } = await page({ limit, cursor });
      seen.push(...ids(data));
      expect(data.length).toBeLessThanOrEqual(limit);
      expect(pagination.hasMore).toBe(pagination.cursor !== undefined);
      if (!pagination.hasMore) return seen;
      cursor = pagination.cursor;
      await between();
    }
  };

  test("pages of every size show each key once, in the order of creation", async () => {
    const made = [];
    for (let i = 0; i < 12; i += 1) made.push(await create());
    for (const limit of [1, 5, 6, 11, 12, 13, 100]) expect(await walk(limit)).toEqual(made);
    expect(ids((await page()).data)).toEqual(made);
  });

  test("keys that are created or deleted during paging hide and repeat none of the others", async () => {
    const made = [];
    for (let i = 0; i < 10; i += 1) made.push(await create());
    const goes = made[3] as string;
    let step = 0;
    const seen = await walk(2, async () => {
      step += 1;
      if (step === 1) await space.data("keys.deleteKey", { keyId: goes });
      if (step === 2) made.push(await create());
    });
    expect(seen).toEqual(made.filter((keyId) => keyId !== goes));
  });

  test("disabled and expired keys are listed, deleted ones and those of other apis are not", async () => {
    const [off, over, gone] = [
      await create({ enabled: false }),
      await create({ expires: 1 }),
      await create(),
    ];
    await space.data("keys.deleteKey", { keyId: gone });
    const other = await space.data("apis.createApi", { name: "other" });
    await space.data("keys.createKey", { apiId: other.apiId });
    expect(ids((await page()).data)).toEqual([off, over]);
  });

  test("each key has the form in which getKey returns it", async () => {
    await space.data("permissions.createRole", { name: "editor", permissions: ["write"] });
    for (const body of [
      {},
      { roles: ["editor"], permissions: ["read"], externalId: "user_1", credits: { remaining: 5 } },
      { meta: { a: 1 }, ratelimits: [{ name: "api", limit: 5, duration: 60_000 }], name: "third" },
    ]) {
      await create(body);
    }
    const { data } = await page();
    for (const one of data) expect(one).toEqual(await space.data("keys.getKey", { keyId: one.keyId }));
    expect(data).toHaveLength(3);
  });

  test("with `externalId`, only the keys of that identity are listed, compared byte for byte", async () => {
    const mine = [await create({ externalId: "user_1" }), await create({ externalId: "user_1" })];
    await create({ externalId: "User_1" });
    await create();
    expect(ids((await page({ externalId: "user_1" })).data)).toEqual(mine);
    expect((await page({ externalId: "user_1", limit: 1 })).pagination.hasMore).toBe(true);
    expect((await page({ externalId: "nobody" })).data).toEqual([]);
    const { id } = await space.data("identities.getIdentity", { identity: "user_1" });
    expect((await page({ externalId: id })).data).toEqual([]);
    await space.data("identities.deleteIdentity", { identity: "user_1" });
    expect((await page({ externalId: "user_1" })).data).toEqual([]);
    expect((await page()).data).toHaveLength(4);
  });

  test("the caller needs permission to read both the keys and the api; otherwise the api is not found", async () => {
    const both = await space.keyWith(`api.${apiId}.read_key`, `api.${apiId}.read_api`);
    expect((await page({}, { rootKey: both })).data).toEqual([]);
    const half = await space.keyWith(`api.${apiId}.read_key`, "api.api_other.read_api");
    const hidden = await space.call("apis.listKeys", { apiId }, { rootKey: half });
    const none = await space.call("apis.listKeys", { apiId: "api_none" }, { rootKey: half });
    expect([hidden.status, hidden.body.error]).toEqual([404, none.body.error]);
    for (const permission of ["api.*.read_key", "api.*.read_api"]) {
      const rootKey = await space.keyWith(permission);
      expect((await space.call("apis.listKeys", { apiId }, { rootKey })).status).toBe(403);
    }
  });
});
