import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../../../test/harness.ts";
import { makeWorkspace, statuses, type Workspace } from "../../../test/workspace.ts";

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
  const create = (name: string) => space.call("apis.createApi", { name });

  test.each(["abc", "x".repeat(256), "Zahlungen ✓ 支付 😀", "'; drop table apis --", "   ", "a\tb"])(
    "%p is a name and comes back as it is",
    async (name) => {
      const { apiId } = (await create(name)).body.data;
      expect(apiId).toMatch(/^api_[0-9A-Za-z]{22}$/);
      expect(await space.data("apis.getApi", { apiId })).toEqual({ id: apiId, name });
    },
  );

  test.each(["", "ab", "😀😀", "x".repeat(257)])("%p is no name", async (name) => {
    expect(await space.flaws("apis.createApi", { name })).toEqual(["body.name"]);
  });

  test("a name may be given again: each api is its own", async () => {
    expect(await statuses(10, () => create("payments"))).toEqual({ 200: 10 });
    const rows = await server.services.engine.db
      .selectFrom("apis")
      .select("id")
      .where("workspaceId", "=", space.id)
      .execute();
    expect(new Set(rows.map(({ id }) => id)).size).toBe(10);
  });

  test("the trail names the api that was made", async () => {
    const { apiId } = (await create("payments")).body.data;
    expect(await space.audit()).toEqual([{ event: "api.create", targetId: apiId, fields: [] }]);
  });

  test("a root key that may create in one api may not make apis", async () => {
    const { apiId } = (await create("payments")).body.data;
    const rootKey = await space.keyWith(`api.${apiId}.create_api`, "api.*.create_key");
    const reply = await space.call("apis.createApi", { name: "more" }, { rootKey });
    expect(reply.status).toBe(403);
    expect(reply.body.error.detail).toContain('"api.*.create_api"');
  });
});
