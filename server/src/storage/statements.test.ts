/** Tests which statements verifications run, and which indexes the database uses for them. */
import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../test/harness.ts";
import { planOf } from "../../test/plans.ts";
import { testServer, testWorkspace } from "../../test/setUp.ts";
import { type Watched, watchStatements } from "../../test/statements.ts";

const limit = { name: "requests", limit: 1_000, duration: 60_000, autoApply: true };

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  /**
   * Not on SQLite in memory, which no other connection can ask for plans. Its statements are the same as for a file.
   */
  const testPlans = test.skipIf(engine.name === "sqlite in memory");
  const watched: Watched[] = [];
  let isWatched = false;
  let key: string;

  beforeEach(async () => {
    if (!isWatched) watchStatements(server.services.engine, (statement) => void watched.push(statement));
    isWatched = true;
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    await space.data("identities.createIdentity", { externalId: "user", ratelimits: [limit] });
    const given = { permissions: ["documents.read"], ratelimits: [{ ...limit, name: "exports" }] };
    ({ key } = await space.data("keys.createKey", { apiId, externalId: "user", ...given }));
    await space.data("keys.verifyKey", { key });
    watched.length = 0;
  });

  test("a verification of a cached key runs no statement", async () => {
    for (let i = 0; i < 3; i += 1) await space.data("keys.verifyKey", { key, permissions: "documents.read" });
    expect(watched.map(({ sql }) => sql)).toEqual([]);
  });

  test("a verification of a key that is not cached reads everything in one round trip", async () => {
    server.services.caches.keys.clear();
    await space.data("keys.verifyKey", { key, permissions: "documents.read" });
    const expected = engine.name === "postgres" ? ["alone"] : Array.from({ length: 11 }, () => "snapshot");
    expect(watched.map((one) => one.in)).toEqual(expected as Watched["in"][]);
  });

  testPlans("every statement of a verification finds its rows by an index, and sorts nothing", async () => {
    await everyKindOfVerification();
    const statements = new Map(watched.map((statement) => [statement.sql, statement]));
    expect(statements.size).toBeGreaterThan(engine.name === "postgres" ? 4 : 13);
    await expectFast([...statements.values()]);
  });

  async function expectFast(statements: readonly Watched[]): Promise<void> {
    for (const statement of statements) {
      const plan = await planOf(server.services.engine, server.databaseUrl, statement);
      expect([statement.sql, plan]).toEqual([statement.sql, expect.not.stringMatching(slowPlan)]);
    }
  }

  testPlans(
    "every statement of a rate limit decision finds its rows by an index, and sorts nothing",
    async () => {
      const counted = { namespace: "email", identifier: "user", limit: 10, duration: 60_000 };
      await space.data("ratelimit.limit", counted);
      await space.data("ratelimit.setOverride", { ...counted, identifier: "us*" });
      await space.data("ratelimit.limit", counted);
      watched.length = 0;
      await space.data("ratelimit.limit", counted);
      expect(watched.map(({ sql }) => sql)).toEqual([]);
      server.services.caches.clear();
      await space.data("ratelimit.limit", counted);
      expect(watched).toHaveLength(3); // for the root key, the namespace and the namespace's overrides
      await expectFast([...watched]);
    },
  );

  testPlans(
    "the permissions and roles of keys are found without reading all permissions and roles of the workspace",
    async () => {
      const { apiId } = await space.data("apis.createApi", { name: "another" });
      const { keyId } = await space.data("keys.createKey", { apiId, permissions: ["docs.read"] });
      watched.length = 0;
      await space.data("permissions.createRole", { name: "reader", permissions: ["docs.read"] });
      await space.data("keys.addRoles", { keyId, roles: ["reader"] });
      await space.data("keys.addPermissions", { keyId, permissions: ["docs.write"] });
      await space.data("keys.setRoles", { keyId, roles: ["reader"] });
      await space.data("keys.setPermissions", { keyId, permissions: ["docs.read"] });
      await space.data("keys.getKey", { keyId });
      await space.data("keys.explain", { keyId, permissions: "docs.read" });
      await space.data("keys.listKeys", { role: "reader" });
      await space.data("keys.listKeys", { permission: "docs.read" });
      await space.data("apis.listKeys", { apiId });
      await space.data("permissions.getRole", { role: "reader" });
      await space.data("permissions.listRoles", {});
      const linked = watched.filter(
        ({ sql }) => /"(key|role)(Permissions|Roles)"/.test(sql) && / join /.test(sql),
      );
      expect(linked.length).toBeGreaterThan(8);
      for (const statement of linked) {
        const plan = await planOf(server.services.engine, server.databaseUrl, statement);
        expect([statement.sql, plan]).toEqual([statement.sql, expect.not.stringMatching(wholeWorkspace)]);
      }
    },
  );

  async function everyKindOfVerification(): Promise<void> {
    const { apiId } = await space.data("apis.createApi", { name: "another" });
    await space.data("permissions.createRole", { name: "reader" });
    const made = {
      apiId,
      credits: { remaining: 2 },
      roles: ["reader"],
      permissions: ["read"],
      externalId: "user",
    };
    const { key: spending } = await space.data("keys.createKey", made);
    const rootKey = await space.keyWith("*");
    watched.length = 0;
    server.services.caches.clear();
    for (const cost of [1, 5, 0]) {
      await space.data("keys.verifyKey", { key: spending, credits: { cost } }, { rootKey });
    }
    await space.data("keys.verifyKey", { key: spending, permissions: "none" }); // a refusal reads the remaining credits
    await space.data("keys.verifyKey", { key: "unknown" });
  }
});

/** a part of SQLite's plan if the statement reads all permissions or roles of the workspace */
const wholeWorkspace = /(permissions|roles) USING (COVERING )?INDEX \w+ \(workspaceId=\?\)/;
const slowPlan = /\bSCAN (?!json_each)|TEMP B-TREE|Seq Scan|\bSort\b/;
