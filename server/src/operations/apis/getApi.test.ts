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
  const get = (id: string, rootKey = space.rootKey) => space.call("apis.getApi", { apiId: id }, { rootKey });

  test("an api is found only by its exact id", async () => {
    expect((await get(apiId)).body.data).toMatchObject({ id: apiId, name: "payments" });
    for (const other of [
      `${apiId}0`,
      apiId.slice(0, -1),
      apiId.toUpperCase(),
      "api_0000000000000000000000",
    ]) {
      const reply = await get(other);
      expect(reply.status).toBe(404);
      expect(reply.body.error.type).toEndWith("/unkey/data/api_not_found");
    }
  });

  test.each(["api_1", "x".repeat(256), "api-12345", "api 12345", "api_12345%"])(
    "%p does not name an api",
    async (id) => {
      expect(await space.flaws("apis.getApi", { apiId: id })).toEqual(["body.apiId"]);
    },
  );

  test("a deleted api is not found", async () => {
    await space.data("apis.deleteApi", { apiId });
    expect((await get(apiId)).status).toBe(404);
    expect((await space.call("apis.deleteApi", { apiId })).status).toBe(404);
  });

  test("a root key for one api reads that api, and other apis look as if they did not exist", async () => {
    const other = await space.data("apis.createApi", { name: "other" });
    const rootKey = await space.keyWith(`api.${apiId}.read_api`);
    expect((await get(apiId, rootKey)).status).toBe(200);
    const hidden = await get(other.apiId, rootKey);
    const missing = await get("api_0000000000000000000000", rootKey);
    expect(hidden.status).toBe(404);
    expect({ ...hidden.body, meta: undefined }).toEqual({ ...missing.body, meta: undefined });
  });
});
