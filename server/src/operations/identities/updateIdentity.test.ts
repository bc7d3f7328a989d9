import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { statuses } from "../../../test/workspace.ts";

type Limit = { id: string; name: string; limit: number; duration: number; autoApply: boolean };

const limit = (name: string, more = {}) => ({ name, limit: 10, duration: 60_000, autoApply: false, ...more });

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  beforeEach(async () => {
    await space.data("identities.createIdentity", {
      externalId: "user_123",
      meta: { plan: "pro", seats: 5 },
      ratelimits: [limit("api"), limit("uploads"), limit("images")],
    });
  });
  const update = (change: object, identity = "user_123") =>
    space.data("identities.updateIdentity", { identity, ...change });
  const stored = () => space.data("identities.getIdentity", { identity: "user_123" });
  const idsByName = (limits: Limit[]) => Object.fromEntries(limits.map(({ name, id }) => [name, id]));

  test("what is omitted stays unchanged, and the response is the whole stored identity", async () => {
    const before = await stored();
    expect(await update({})).toEqual(before);
    expect(await update({ meta: { plan: "free" } })).toEqual({ ...before, meta: { plan: "free" } });
    const { ratelimits } = await update({ ratelimits: [limit("api")] });
    expect(await stored()).toEqual({ ...before, meta: { plan: "free" }, ratelimits });
  });

  test("an update without fields changes nothing and leaves no audit event", async () => {
    const trail = await space.audit();
    await update({});
    expect(await space.audit()).toEqual(trail);
  });

  test("`{}` clears the metadata, and `[]` the limits", async () => {
    const before = await stored();
    expect(await update({ meta: {} })).toEqual({ ...before, meta: {} });
    expect(await update({ ratelimits: [] })).toEqual({ ...before, meta: {}, ratelimits: [] });
    expect(await stored()).toMatchObject({ meta: {}, ratelimits: [] });
  });

  test("meta is replaced as a whole, never merged", async () => {
    await update({ meta: { seats: null, other: { deep: [1] } } });
    expect((await stored()).meta).toEqual({ seats: null, other: { deep: [1] } });
  });

  test("a limit keeps its id if its name stays, and the limits are in the order of the request", async () => {
    const before = idsByName((await stored()).ratelimits);
    const given = [limit("fresh"), limit("images", { limit: 99 }), limit("api", { autoApply: true })];
    const { ratelimits } = await update({ ratelimits: given });
    expect(ratelimits).toEqual(given.map((one) => ({ ...one, id: expect.stringMatching(/^rl_/) })));
    const after = idsByName(ratelimits);
    expect([after["images"], after["api"]]).toEqual([before["images"], before["api"]]);
    expect(Object.values(before)).not.toContain(after["fresh"]);
    expect(await stored()).toMatchObject({ ratelimits });
  });

  test("a limit that was removed and is added again gets a new id", async () => {
    const [api] = (await stored()).ratelimits;
    await update({ ratelimits: [] });
    const { ratelimits } = await update({ ratelimits: [limit("api")] });
    expect(ratelimits[0].id).not.toBe(api.id);
  });

  test("names that differ only in case are different names", async () => {
    const before = idsByName((await stored()).ratelimits);
    const { ratelimits } = await update({ ratelimits: [limit("API"), limit("api")] });
    expect(idsByName(ratelimits)["api"]).toBe(before["api"] ?? "");
    expect(idsByName(ratelimits)["API"]).not.toBe(before["api"]);
  });

  test("a name twice is refused and nothing changes", async () => {
    const before = await stored();
    const body = { identity: "user_123", meta: { changed: true }, ratelimits: [limit("new"), limit("new")] };
    expect(await space.flaws("identities.updateIdentity", body)).toEqual(["body.ratelimits[1].name"]);
    expect(await stored()).toEqual(before);
  });

  test("what is too large or too long is refused before anything is looked up, and nothing changes", async () => {
    const before = await stored();
    const meta = { text: "x".repeat(65_536) };
    const ratelimits = [limit("api", { duration: 2_592_000_001 })];
    for (const identity of ["user_123", "nobody"]) {
      expect(await space.flaws("identities.updateIdentity", { identity, meta })).toEqual(["body.meta"]);
      expect(await space.flaws("identities.updateIdentity", { identity, ratelimits })).toEqual([
        "body.ratelimits[0].duration",
      ]);
    }
    expect(await stored()).toEqual(before);
  });

  test("the external id cannot be changed", async () => {
    const body = { identity: "user_123", externalId: "other" };
    expect(await space.flaws("identities.updateIdentity", body)).toEqual(["body.externalId"]);
  });

  test("an id wins over an external id that looks like it", async () => {
    const { id } = await stored();
    await space.data("identities.createIdentity", { externalId: id });
    await update({ meta: { changed: true } }, id);
    expect((await stored()).meta).toEqual({ changed: true });
  });

  test("an identity that does not exist is a 404, and so is one that was deleted", async () => {
    await space.data("identities.deleteIdentity", { identity: "user_123" });
    for (const identity of ["user_123", "nobody", "id_0000000000000000000000"]) {
      const reply = await space.call("identities.updateIdentity", { identity, meta: {} });
      expect(reply.status).toBe(404);
      expect(reply.body.error.type).toEndWith("/unkey/data/identity_not_found");
    }
  });

  test("a root key for one identity changes that one, and sees no other", async () => {
    const { identityId } = await space.data("identities.createIdentity", { externalId: "theirs" });
    const { id } = await stored();
    const rootKey = await space.keyWith(`identity.${id}.update_identity`);
    const change = (identity: string) =>
      space.call("identities.updateIdentity", { identity, meta: { changed: true } }, { rootKey });
    expect((await change("user_123")).status).toBe(200);
    expect((await change(identityId)).status).toBe(404);
    expect((await space.data("identities.getIdentity", { identity: "theirs" })).meta).toEqual({});
  });

  test("the audit trail names the changed fields and each limit made, changed or removed, and no values", async () => {
    const before = await stored();
    const [api, uploads, images] = before.ratelimits;
    const known = (await space.audit()).length;
    await update({ meta: { secret: "canary" } });
    const { ratelimits } = await update({ ratelimits: [limit("api", { limit: 1 }), limit("fresh")] });
    await update({ meta: {}, ratelimits: [] });
    const trail = (await space.audit()).slice(known);
    const fields = (...names: string[]) => ({ event: "identity.update", targetId: before.id, fields: names });
    const changed = (event: string, { id }: Limit) => ({
      event: `ratelimit.${event}`,
      targetId: id,
      fields: [],
    });
    const [, fresh] = ratelimits;
    const byEvent = (rows: typeof trail) => rows.map((row) => JSON.stringify(row)).sort();
    expect(byEvent(trail)).toEqual(
      byEvent([
        fields("meta"),
        fields("ratelimits"),
        changed("update", api),
        changed("create", fresh),
        changed("delete", uploads),
        changed("delete", images),
        fields("meta", "ratelimits"),
        changed("delete", api),
        changed("delete", fresh),
      ]),
    );
    expect(JSON.stringify(trail)).not.toContain("canary");
  });

  test("of 20 updates at once the stored identity is one of them, whole", async () => {
    const variant = (index: number) => ({
      meta: { by: index },
      ratelimits: [limit(`own_${index}`), limit("api", { limit: index + 1 })],
    });
    const counts = await statuses(20, (index) =>
      space.call("identities.updateIdentity", { identity: "user_123", ...variant(index) }),
    );
    expect(counts).toEqual({ 200: 20 });
    const after = await stored();
    expect(after).toMatchObject(variant(after.meta.by));
    expect(after.ratelimits).toHaveLength(2);
  });

  test("updates and deletions at once end in a 404 that stays, and nothing is left over", async () => {
    const { id } = await stored();
    const counts = await statuses(20, (index) =>
      index === 10
        ? space.call("identities.deleteIdentity", { identity: "user_123" })
        : space.call("identities.updateIdentity", {
            identity: "user_123",
            ratelimits: [limit(`by_${index}`)],
          }),
    );
    expect(Object.keys(counts).filter((status) => status !== "200" && status !== "404")).toEqual([]);
    expect((await space.call("identities.getIdentity", { identity: id })).status).toBe(404);
    const left = await server.services.engine.db
      .selectFrom("ratelimits")
      .selectAll()
      .where("workspaceId", "=", space.id)
      .execute();
    expect(left).toEqual([]);
  });
});
