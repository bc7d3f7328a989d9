import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { statuses } from "../../../test/workspace.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const create = (name: string) => space.call("apis.createApi", { name });

  test.each(["abc", "x".repeat(256), "Zahlungen ✓ 支付 😀", "'; drop table apis --", "   ", "a\tb"])(
    "%p is a valid name and is returned unchanged",
    async (name) => {
      const { apiId } = (await create(name)).body.data;
      expect(apiId).toMatch(/^api_[0-9A-Za-z]{22}$/);
      expect(await space.data("apis.getApi", { apiId })).toMatchObject({ id: apiId, name });
    },
  );

  test.each(["", "ab", "😀😀", "x".repeat(257)])("%p is refused as a name", async (name) => {
    expect(await space.flaws("apis.createApi", { name })).toEqual(["body.name"]);
  });

  test("two apis may have the same name", async () => {
    expect(await statuses(10, () => create("payments"))).toEqual({ 200: 10 });
    const rows = await server.services.engine.db
      .selectFrom("apis")
      .select("id")
      .where("workspaceId", "=", space.id)
      .execute();
    expect(new Set(rows.map(({ id }) => id)).size).toBe(10);
  });

  test("the audit trail names the new api", async () => {
    const { apiId } = (await create("payments")).body.data;
    expect(await space.audit()).toEqual([{ event: "api.create", targetId: apiId, fields: [] }]);
  });

  test("a root key that may create keys in one api may not create apis", async () => {
    const { apiId } = (await create("payments")).body.data;
    const rootKey = await space.keyWith(`api.${apiId}.create_api`, "api.*.create_key");
    const reply = await space.call("apis.createApi", { name: "more" }, { rootKey });
    expect(reply.status).toBe(403);
    expect(reply.body.error.detail).toContain('"api.*.create_api"');
  });
});
