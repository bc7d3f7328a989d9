import { describe, expect, test } from "bun:test";
import { startTest, type TestEngine, type TestServer } from "../../test/harness.ts";
import { config, exported, imported, persistentEngines, total } from "../../test/moving.ts";
import { makeWorkspace, type Workspace } from "../../test/workspace.ts";
import { makeWorld } from "../../test/world.ts";

const bcryptOfOther = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/** Creates a workspace with records of every type, in every state that the API can create. */
async function makeEverything(server: TestServer): Promise<{ workspace: Workspace; keys: string[] }> {
  const workspace = await makeWorkspace(server);
  const { data } = workspace;
  const owner = { workspaceId: workspace.id, rootKey: workspace.rootKey };
  const world = await makeWorld(server, "one", owner);
  const other = await makeWorld(server, "two", owner);
  const { apiId } = world;
  const make = async (body: object) =>
    (await data("keys.createKey", { apiId, ...body })) as { keyId: string; key: string };
  const keys = await Promise.all([
    make({ recoverable: true, name: "recoverable", meta: { text: "é😀 ' \" \\ \u2028" } }),
    make({ enabled: false }),
    make({ expires: server.clock.nowMs + 1000 }),
    make({ expires: server.clock.nowMs + 86_400_000, ipAllowList: ["192.0.2.0/24"] }),
    make({ credits: { remaining: 2 } }),
    make({ credits: { remaining: 5, refill: { interval: "monthly", amount: 10, refillDay: 31 } } }),
    make({
      externalId: world.externalId,
      quotas: [
        {
          name: "calls",
          limit: 2,
          period: "day",
          autoApply: true,
          timeZone: "Europe/Berlin",
          thresholds: [50],
        },
      ],
    }),
    make({ roles: [other.roleName], externalId: "fresh" }),
    make({ ratelimits: [{ name: "few", limit: 1, duration: 60_000, autoApply: true }] }),
  ]);
  const [, , , , spent, , , , limited] = keys;
  await data("keys.verifyKey", { key: spent?.key });
  await data("keys.rerollKey", { keyId: spent?.keyId, expiration: 60_000 });
  await data("keys.updateKey", { keyId: limited?.keyId, name: "changed" });
  const deleted = await make({});
  await data("keys.deleteKey", { keyId: deleted.keyId });
  const hash = server.services.hashKey("moved_abc_secret");
  await data("keys.migrateKeys", { migrationId: world.migrationId, apiId, keys: [{ hash }] });
  await data("apis.updateApi", {
    apiId,
    deleteProtection: true,
    ipAllowList: ["0.0.0.0/0"],
    defaultPrefix: "pay",
  });
  await data("quotas.grant", { identity: world.externalId, name: "requests", amount: 50, reason: "thanks" });
  const gone = await data("permissions.createPermission", { name: "gone", slug: "gone" });
  await data("keys.addPermissions", { keyId: limited?.keyId, permissions: ["gone", "kept"] });
  await data("permissions.deletePermission", { permission: gone.permissionId });
  await data("identities.createIdentity", { externalId: "left" });
  await make({ externalId: "left" });
  await data("identities.deleteIdentity", { identity: "left" });
  await server.services.engine.transaction((tx) =>
    tx
      .updateTable("keys")
      .set({ hash: `upstream:${keys[1]?.keyId}`, pendingMigrationId: "upstream" })
      .where("id", "=", keys[1]?.keyId ?? "")
      .execute(),
  );
  await server.services.engine.transaction((tx) =>
    tx
      .updateTable("keys")
      .set({ hash: bcryptOfOther, start: "old", pendingMigrationId: "oldHash" })
      .where("id", "=", keys[2]?.keyId ?? "")
      .execute(),
  );
  const all = [world.key, other.key, "moved_abc_secret", deleted.key, ...keys.map(({ key }) => key)];
  return { workspace, keys: all };
}

/** What verifications of these keys return, without the ids of the requests. */
async function verdicts({ call }: Pick<Workspace, "call">, keys: readonly string[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const key of keys) {
    for (const ip of ["192.0.2.7", "198.51.100.1"]) {
      const { body } = await call("keys.verifyKey", { key, ip, permissions: "one.read OR kept OR two.read" });
      found.push(body.data);
    }
  }
  return found;
}

async function withServers(
  [from, to]: readonly [TestEngine, TestEngine],
  work: (source: TestServer, target: TestServer) => Promise<void>,
): Promise<void> {
  const source = await startTest({ engine: from, config });
  const target = await startTest({ engine: to, config });
  try {
    await work(source, target);
  } finally {
    await source.stop();
    await target.stop();
  }
}

const pairs = persistentEngines.flatMap((from) =>
  persistentEngines.map((to) => ({ from, to, name: `${from.name} to ${to.name}` })),
);

const withoutHeader = (lines: readonly string[]) => lines.slice(1);

describe.each(pairs)("from $name,", ({ from, to }) => {
  test("an imported document is exported unchanged, its keys get the same verdicts, and importing it again changes nothing", async () => {
    await withServers([from, to], async (source, target) => {
      const { workspace, keys } = await makeEverything(source);
      const lines = await exported(source, workspace.id);
      const report = await imported(target, target.workspaceId, lines);
      expect([total(report), report.refusals]).toEqual([{ created: lines.length - 2 }, []]);
      const first = await exported(target, target.workspaceId, { rootKeys: true, audit: true });
      expect(withoutHeader(await exported(target, target.workspaceId))).toEqual(withoutHeader(lines));

      const again = await imported(target, target.workspaceId, lines);
      expect(total(again)).toEqual({ unchanged: lines.length - 2 });
      expect(await exported(target, target.workspaceId, { rootKeys: true, audit: true })).toEqual(first);
      expect(first.filter((line) => line.includes("workspace.import")).length).toBe(1);

      const before = await verdicts(workspace, keys);
      expect(before.length).toBeGreaterThan(20);
      expect(await verdicts({ call: target.call }, keys)).toEqual(before);
    });
  });
});
