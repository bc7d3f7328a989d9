import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const update = (change: object, options = {}) =>
    space.call("apis.updateApi", { apiId, ...change }, options);
  const stored = () => space.data("apis.getApi", { apiId });

  test("an update changes the fields that it sends and nothing else, and returns the whole api", async () => {
    const created = await stored();
    expect(created).toEqual({
      id: apiId,
      name: "payments",
      keyspaceId: expect.stringMatching(/^ks_/),
      createdAt: server.clock.nowMs,
      deleteProtection: false,
    });
    const changes = [
      { name: "invoices" },
      { defaultPrefix: "inv" },
      { defaultByteLength: 32, deleteProtection: true },
      {},
      { deleteProtection: false, defaultPrefix: "sk" },
    ];
    let expected = created;
    for (const change of changes) {
      expected = { ...expected, ...change };
      const { body } = await update(change);
      expect([body.data, await stored()]).toEqual([expected, expected]);
    }
    await update({ defaultPrefix: null, defaultByteLength: null });
    expect(await stored()).toEqual({ ...created, name: "invoices" });
  });

  test("the audit trail names the changed fields, and nothing for an update without any", async () => {
    await update({});
    await update({ name: "invoices", defaultPrefix: null });
    expect((await space.audit()).slice(1)).toEqual([
      { event: "api.update", targetId: apiId, fields: ["name", "defaultPrefix"] },
    ]);
  });

  test("keys are created with the api's defaults unless the request says otherwise", async () => {
    await update({ defaultPrefix: "pay", defaultByteLength: 64 });
    const make = async (body: object) => (await space.data("keys.createKey", { apiId, ...body })).key;
    expect(await make({})).toMatch(/^pay_[0-9A-Za-z]{84,90}$/);
    expect(await make({ prefix: "own" })).toMatch(/^own_[0-9A-Za-z]{84,90}$/);
    expect(await make({ byteLength: 16 })).toMatch(/^pay_[0-9A-Za-z]{20,22}$/);
    await update({ defaultPrefix: null, defaultByteLength: null });
    expect(await make({})).toMatch(/^[0-9A-Za-z]{20,22}$/);
  });

  test("a protected api and its keys survive deleteApi, until the protection is removed", async () => {
    const { key } = await space.data("keys.createKey", { apiId });
    await update({ deleteProtection: true });
    const { type } = expectRefusal(await space.call("apis.deleteApi", { apiId }), "protected_resource");
    expect(type).toEndWith("/unkey/application/protected_resource");
    expect((await space.data("keys.verifyKey", { key })).valid).toBe(true);
    await update({ deleteProtection: false });
    expect((await space.call("apis.deleteApi", { apiId })).status).toBe(200);
    expectRefusal(await space.call("apis.deleteApi", { apiId }), "api_not_found");
  });

  test("if 10 callers protect an api and 10 delete it at once, it is never both protected and deleted", async () => {
    const [protections, deletions] = await Promise.all([
      Promise.all(Array.from({ length: 10 }, () => update({ deleteProtection: true }))),
      Promise.all(Array.from({ length: 10 }, () => space.call("apis.deleteApi", { apiId }))),
    ]);
    const isProtected = protections.some(({ status }) => status === 200);
    const isDeleted = deletions.some(({ status }) => status === 200);
    expect((await space.call("apis.getApi", { apiId })).status).toBe(isDeleted ? 404 : 200);
    expect([isProtected, isDeleted]).toEqual([!isDeleted, !isProtected]);
  });

  test("an api that the caller may not update looks like one that does not exist, and stays", async () => {
    const rootKey = await space.keyWith(`api.${apiId}.read_api`, "api.api_other.update_api");
    expectRefusal(await update({ name: "mine" }, { rootKey }), "api_not_found");
    const none = { apiId: "api_0000000000000000000000", name: "mine" };
    expectRefusal(await space.call("apis.updateApi", none), "api_not_found");
    expect((await stored()).name).toBe("payments");
    const own = await space.keyWith(`api.${apiId}.update_api`);
    expect((await update({ name: "mine" }, { rootKey: own })).status).toBe(200);
  });

  test.each([
    { name: "ab" },
    { name: null },
    { defaultPrefix: "a-b" },
    { defaultPrefix: "a".repeat(17) },
    { defaultByteLength: 15 },
    { defaultByteLength: 256 },
    { deleteProtection: null },
    { deleteProtection: "true" },
    { prefix: "pay" },
  ])("%p is refused and named", async (change) => {
    expect(await space.flaws("apis.updateApi", { apiId, ...change })).toEqual([
      `body.${Object.keys(change)[0]}`,
    ]);
  });
});
