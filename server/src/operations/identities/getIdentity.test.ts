import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const create = async (body: object) =>
    (await space.data("identities.createIdentity", body)).identityId as string;
  const get = (identity: string, rootKey = space.rootKey) =>
    space.call("identities.getIdentity", { identity }, { rootKey });

  test("an identity is found by its id and by its external id", async () => {
    const id = await create({ externalId: "user_123", meta: { plan: "pro" } });
    const byId = await get(id);
    const byExternalId = await get("user_123");
    expect(byId.body.data).toEqual({ id, externalId: "user_123", meta: { plan: "pro" }, ratelimits: [] });
    expect(byExternalId.body.data).toEqual(byId.body.data);
  });

  test("an id wins over an external id that looks like it", async () => {
    const id = await create({ externalId: "user_123" });
    const impostor = await create({ externalId: id });
    expect((await get(id)).body.data.id).toBe(id);
    expect((await get(impostor)).body.data.externalId).toBe(id);
    await space.data("identities.deleteIdentity", { identity: id });
    expect((await get(id)).body.data.id).toBe(impostor);
  });

  test("what differs in a single byte is not found", async () => {
    const id = await create({ externalId: "user_123" });
    const others = [
      "User_123",
      "user_12",
      "user_1234",
      "user%",
      "user_12_",
      " user_123",
      `${id}0`,
      id.toLowerCase(),
    ];
    for (const other of others.filter((one) => one !== id)) {
      const reply = await get(other);
      expect(reply.status).toBe(404);
      expect(reply.body.error.type).toEndWith("/unkey/data/identity_not_found");
    }
  });

  test("a root key for one identity reads that one, by either name, and sees no other", async () => {
    const mine = await create({ externalId: "mine" });
    const theirs = await create({ externalId: "theirs" });
    const rootKey = await space.keyWith(`identity.${mine}.read_identity`);
    expect((await get(mine, rootKey)).status).toBe(200);
    expect((await get("mine", rootKey)).status).toBe(200);
    const hidden = await get(theirs, rootKey);
    const missing = await get("id_0000000000000000000000", rootKey);
    expect(hidden.status).toBe(404);
    expect({ ...hidden.body, meta: undefined }).toEqual({ ...missing.body, meta: undefined });
  });

  test("a permission for an id does not permit an identity whose external id has the same text", async () => {
    const mine = await create({ externalId: "mine" });
    await space.data("identities.deleteIdentity", { identity: mine });
    await create({ externalId: mine });
    const rootKey = await space.keyWith(`identity.${mine}.read_identity`);
    expect((await get(mine, rootKey)).status).toBe(404);
  });

  test("a root key for another action may not read", async () => {
    const id = await create({ externalId: "mine" });
    const rootKey = await space.keyWith(`identity.${id}.update_identity`, "identity.*.delete_identity");
    const reply = await get(id, rootKey);
    expect(reply.status).toBe(403);
    expect(reply.text).not.toContain(id);
  });
});
