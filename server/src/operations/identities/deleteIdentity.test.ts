import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { statuses } from "../../../test/workspace.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  let identityId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    ({ identityId } = await space.data("identities.createIdentity", {
      externalId: "user_123",
      meta: { plan: "pro" },
      ratelimits: [{ name: "shared", limit: 1, duration: 60_000, autoApply: true }],
    }));
  });
  const remove = (identity = "user_123") => space.call("identities.deleteIdentity", { identity });
  const createKey = async (body = {}) =>
    (await space.data("keys.createKey", { apiId, ...body })).key as string;
  const verify = (key: string) => space.data("keys.verifyKey", { key });

  test("the response has no data, and a deleted identity is found by neither its id nor its external id", async () => {
    const reply = await remove();
    expect(reply.body).toEqual({ meta: { requestId: expect.any(String) } });
    for (const identity of ["user_123", identityId]) {
      expect((await space.call("identities.getIdentity", { identity })).status).toBe(404);
      expect((await remove(identity)).status).toBe(404);
    }
    expect(await space.data("identities.listIdentities", {})).toEqual([]);
  });

  test.each([
    [{ credits: { remaining: 5 } }, "credits"],
    [{ quotas: [{ name: "tokens", limit: 5, period: "month" }] }, "quotas"],
    [
      { credits: { remaining: 5 }, quotas: [{ name: "tokens", limit: 5, period: "month" }] },
      "credits and quotas",
    ],
  ])("a warning says that its keys are unlimited if it had %j, and they are", async (more, what) => {
    await space.data("identities.updateIdentity", { identity: identityId, ...more });
    const key = await createKey({ externalId: "user_123" });
    expect((await remove()).body).toEqual({
      meta: { requestId: expect.any(String) },
      warnings: [
        `The identity's ${what} were deleted: its keys without ${what} of their own are now unlimited.`,
      ],
    });
    const verdict = await space.data("keys.verifyKey", { key, credits: { cost: 1_000 } });
    expect(verdict).toMatchObject({ valid: true });
    for (const member of ["credits", "quotas"]) expect(verdict).not.toHaveProperty(member);
  });

  test("its rate limits are deleted with it, and the audit trail names them and the identity", async () => {
    const { ratelimits } = await space.data("identities.getIdentity", { identity: identityId });
    const known = (await space.audit()).length;
    await remove();
    const rows = await server.services.engine.db
      .selectFrom("ratelimits")
      .select("id")
      .where("workspaceId", "=", space.id)
      .execute();
    expect(rows).toEqual([]);
    expect((await space.audit()).slice(known)).toEqual([
      { event: "ratelimit.delete", targetId: ratelimits[0].id, fields: [] },
      { event: "identity.delete", targetId: identityId, fields: [] },
    ]);
  });

  test("its keys stay valid, without its metadata and without the shared limit, in the very next verification", async () => {
    const key = await createKey({ externalId: "user_123" });
    expect(await verify(key)).toMatchObject({ valid: true, identity: { id: identityId } });
    expect(await verify(key)).toMatchObject({ valid: false, code: "RATE_LIMITED" });
    await remove();
    const after = await verify(key);
    expect(after).toMatchObject({ valid: true, code: "VALID" });
    expect(after).not.toHaveProperty("identity");
    expect(after).not.toHaveProperty("ratelimits");
  });

  test("its external id is free at once, and the identity that takes it adopts no old key, limit or metadata", async () => {
    const old = await createKey({ externalId: "user_123" });
    await remove();
    const again = await space.data("identities.createIdentity", { externalId: "user_123" });
    expect(again.identityId).not.toBe(identityId);
    expect(await space.data("identities.getIdentity", { identity: "user_123" })).toEqual({
      id: again.identityId,
      externalId: "user_123",
      meta: {},
      ratelimits: [],
    });
    expect(await verify(old)).not.toHaveProperty("identity");
    const fresh = await createKey({ externalId: "user_123" });
    expect(await verify(fresh)).toMatchObject({
      identity: { id: again.identityId, meta: {}, ratelimits: [] },
    });
    expect(await verify(old)).not.toHaveProperty("identity");
  });

  test("of 20 deletions at once exactly one succeeds", async () => {
    expect(await statuses(20, () => remove())).toEqual({ 200: 1, 404: 19 });
    const deletions = (await space.audit()).filter(({ event }) => event === "identity.delete");
    expect(deletions).toHaveLength(1);
  });

  test("an id wins over an external id that looks like it", async () => {
    await space.data("identities.createIdentity", { externalId: identityId });
    await remove(identityId);
    expect((await space.call("identities.getIdentity", { identity: "user_123" })).status).toBe(404);
    const left = await space.data("identities.getIdentity", { identity: identityId });
    expect(left.externalId).toBe(identityId);
  });

  test("a repeated deletion deletes no other identity, even one whose external id is the deleted id", async () => {
    const other = await space.data("identities.createIdentity", { externalId: identityId });
    expect((await remove(identityId)).status).toBe(200);
    expect((await remove(identityId)).status).toBe(404);
    expect((await space.call("identities.getIdentity", { identity: other.identityId })).status).toBe(200);
    expect((await remove(other.identityId)).status).toBe(200);
    for (const externalId of [`${identityId}x`, identityId.slice(0, -1), `x${identityId}`, "id_short"]) {
      await space.data("identities.createIdentity", { externalId });
      expect((await remove(externalId)).status).toBe(200); // an external id that only looks like an id
    }
  });

  test("a root key for one identity deletes that one, and sees no other", async () => {
    const theirs = await space.data("identities.createIdentity", { externalId: "theirs" });
    const rootKey = await space.keyWith(`identity.${identityId}.delete_identity`);
    const removeBy = (identity: string) => space.call("identities.deleteIdentity", { identity }, { rootKey });
    expect((await removeBy("theirs")).status).toBe(404);
    expect((await removeBy(theirs.identityId)).status).toBe(404);
    expect((await removeBy("user_123")).status).toBe(200);
    expect(await space.data("identities.listIdentities", {})).toHaveLength(1);
  });

  test("every error is sent as problem+json, whatever the Accept header says", async () => {
    const attempts = [
      [{ identity: "nobody" }, space.rootKey, 404],
      [{ identity: 5 }, space.rootKey, 400],
      [{ identity: "nobody" }, await space.keyWith("identity.*.read_identity"), 403],
      [{ identity: "nobody" }, "latchkey_root_none", 401],
    ] as const;
    for (const [body, rootKey, status] of attempts) {
      for (const Accept of ["application/json", "*/*", "text/html"]) {
        const options = { rootKey, headers: { Accept } };
        const reply = await space.call("identities.deleteIdentity", body, options);
        expect(reply.status).toBe(status);
        expect(reply.headers.get("content-type")).toBe("application/problem+json");
      }
    }
  });
});
