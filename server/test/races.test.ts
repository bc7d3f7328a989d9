import { describe, expect, test } from "bun:test";
import { engines } from "./harness.ts";
import { testServer } from "./setUp.ts";

const rounds = 12;

/** On SQLite, transactions run one after the other, so a missing lock makes these tests fail only on PostgreSQL. */
describe.each(engines)("races on $name:", (engine) => {
  const server = testServer({ engine });

  const limitsOf = (names: readonly string[], limit: number) =>
    names.map((name) => ({ name, limit, duration: 60_000, autoApply: false }));

  test("concurrent updates of one identity's limits leave exactly the limits of one of them", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const externalId = `user_${round}`;
      await server.call("identities.createIdentity", {
        externalId,
        ratelimits: limitsOf(["first", "second"], 1),
      });
      const sets = [
        limitsOf(["first", "third"], 2),
        limitsOf(["second", "third", "fourth"], 3),
        limitsOf(["fourth"], 4),
        limitsOf(["first", "second", "fourth"], 5),
        limitsOf(["third", "first"], 6),
      ];
      const replies = await Promise.all(
        sets.map((ratelimits) =>
          server.call("identities.updateIdentity", { identity: externalId, ratelimits }),
        ),
      );
      expect(replies.map(({ status }) => status)).toEqual(sets.map(() => 200));
      const { ratelimits } = (await server.call("identities.getIdentity", { identity: externalId })).body
        .data;
      const stored = ratelimits.map(({ id: _, ...limit }: { id: string }) => limit);
      expect(sets).toContainEqual(stored);
    }
  }, 30_000);

  test("an identity that is deleted while it is updated is gone with its limits, and its external id can be used again", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const externalId = `gone_${round}`;
      const { identityId } = (await server.call("identities.createIdentity", { externalId })).body.data;
      const update = () =>
        server.call("identities.updateIdentity", {
          identity: identityId,
          ratelimits: limitsOf(["first"], round + 1),
        });
      const replies = await Promise.all([
        update(),
        update(),
        server.call("identities.deleteIdentity", { identity: identityId }),
        update(),
      ]);
      expect(replies[2].status).toBe(200);
      for (const { status } of replies) expect([200, 404]).toContain(status);
      const left = await server.services.engine.db
        .selectFrom("ratelimits")
        .select("id")
        .where("ownerId", "=", identityId)
        .execute();
      expect(left).toEqual([]);
      expect((await server.call("identities.createIdentity", { externalId })).status).toBe(200);
    }
  }, 30_000);

  test("concurrent operations that create an identity with the same external id create one identity", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    for (let round = 0; round < rounds; round += 1) {
      const externalId = `same_${round}`;
      const replies = await Promise.all([
        server.call("identities.createIdentity", { externalId }),
        server.call("keys.createKey", { apiId, externalId, permissions: ["doc.read", "doc.write"] }),
        server.call("identities.createIdentity", { externalId }),
        server.call("keys.createKey", { apiId, externalId, permissions: ["doc.write", "doc.read"] }),
      ]);
      expect(replies[1].status).toBe(200);
      expect(replies[3].status).toBe(200);
      for (const { status } of [replies[0], replies[2]]) expect([200, 409]).toContain(status);
      const rows = await server.services.engine.db
        .selectFrom("identities")
        .select("id")
        .where("externalId", "=", externalId)
        .execute();
      expect(rows).toHaveLength(1);
    }
    const slugs = await server.services.engine.db
      .selectFrom("permissions")
      .select("slug")
      .orderBy("slug")
      .execute();
    expect(slugs.map(({ slug }) => slug)).toEqual(["doc.read", "doc.write"]);
  }, 30_000);

  test("deleting a permission or role while it is given to keys never causes a 500", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const slug = "doc.gone";
    const name = "gone";
    for (let round = 0; round < rounds; round += 1) {
      await server.call("permissions.createPermission", { name: slug, slug });
      await server.call("permissions.createRole", { name });
      const key = (more: object) => server.call("keys.createKey", { apiId, ...more });
      const replies = await Promise.all([
        key({ permissions: [slug] }),
        server.call("permissions.deletePermission", { permission: slug }),
        key({ permissions: [slug], roles: [name] }),
        server.call("permissions.deleteRole", { role: name }),
        key({ roles: [name] }),
        key({ permissions: [slug] }),
      ]);
      for (const { status } of replies) expect([200, 404]).toContain(status);
    }
  }, 30_000);

  test("concurrent calls with the same Idempotency-Key create one record", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const headers = { "Idempotency-Key": `order-${round}` };
      const call = () =>
        server.call("identities.createIdentity", { externalId: `once_${round}` }, { headers });
      const replies = await Promise.all([call(), call(), call(), call()]);
      expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(replies[0].status).toBe(200);
    }
  }, 30_000);
});
