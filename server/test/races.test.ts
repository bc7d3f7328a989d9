import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "./harness.ts";

const rounds = 12;

/** What a passing test on SQLite, where writes queue anyway, would not show: every race runs on every engine. */
describe.each(engines)("races on $name:", (engine) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTest({ engine });
  });
  afterAll(() => server.stop());

  const limitsOf = (names: readonly string[], limit: number) =>
    names.map((name) => ({ name, limit, duration: 60_000, autoApply: false }));

  test("of several updates of one identity's limits, one wins whole", async () => {
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
      const answers = await Promise.all(
        sets.map((ratelimits) =>
          server.call("identities.updateIdentity", { identity: externalId, ratelimits }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(sets.map(() => 200));
      const { ratelimits } = (await server.call("identities.getIdentity", { identity: externalId })).body
        .data;
      const stored = ratelimits.map(({ id: _, ...limit }: { id: string }) => limit);
      expect(sets).toContainEqual(stored);
    }
  }, 30_000);

  test("an identity that is deleted while it is updated is gone whole, and its external id is free", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const externalId = `gone_${round}`;
      const { identityId } = (await server.call("identities.createIdentity", { externalId })).body.data;
      const update = () =>
        server.call("identities.updateIdentity", {
          identity: identityId,
          ratelimits: limitsOf(["first"], round + 1),
        });
      const answers = await Promise.all([
        update(),
        update(),
        server.call("identities.deleteIdentity", { identity: identityId }),
        update(),
      ]);
      expect(answers[2].status).toBe(200);
      for (const { status } of answers) expect([200, 404]).toContain(status);
      const left = await server.services.engine.db
        .selectFrom("ratelimits")
        .select("id")
        .where("ownerId", "=", identityId)
        .execute();
      expect(left).toEqual([]);
      expect((await server.call("identities.createIdentity", { externalId })).status).toBe(200);
    }
  }, 30_000);

  test("one of several identities with one external id is made, by whatever operation", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    for (let round = 0; round < rounds; round += 1) {
      const externalId = `same_${round}`;
      const answers = await Promise.all([
        server.call("identities.createIdentity", { externalId }),
        server.call("keys.createKey", { apiId, externalId, permissions: ["doc.read", "doc.write"] }),
        server.call("identities.createIdentity", { externalId }),
        server.call("keys.createKey", { apiId, externalId, permissions: ["doc.write", "doc.read"] }),
      ]);
      expect(answers[1].status).toBe(200);
      expect(answers[3].status).toBe(200);
      for (const { status } of [answers[0], answers[2]]) expect([200, 409]).toContain(status);
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

  test("a permission or role that is deleted while keys are given it never makes a fault", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const slug = "doc.gone";
    const name = "gone";
    for (let round = 0; round < rounds; round += 1) {
      await server.call("permissions.createPermission", { name: slug, slug });
      await server.call("permissions.createRole", { name });
      const key = (more: object) => server.call("keys.createKey", { apiId, ...more });
      const answers = await Promise.all([
        key({ permissions: [slug] }),
        server.call("permissions.deletePermission", { permission: slug }),
        key({ permissions: [slug], roles: [name] }),
        server.call("permissions.deleteRole", { role: name }),
        key({ roles: [name] }),
        key({ permissions: [slug] }),
      ]);
      for (const { status } of answers) expect([200, 404]).toContain(status);
    }
  }, 30_000);

  test("calls with one Idempotency-Key at once make one thing", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const headers = { "Idempotency-Key": `order-${round}` };
      const call = () =>
        server.call("identities.createIdentity", { externalId: `once_${round}` }, { headers });
      const answers = await Promise.all([call(), call(), call(), call()]);
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(answers[0].status).toBe(200);
    }
  }, 30_000);
});
