import { describe, expect, test } from "bun:test";
import { engines, startTest } from "../../../test/harness.ts";
import { startRedisServer } from "../../../test/redisServer.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { until } from "../../../test/until.ts";
import { hashKey } from "../../runtime.ts";
import { listSchemaMigrations } from "../../storage/queries/schemaMigrations.ts";
import { version } from "../../version.ts";

const permission = "server.*.read_status";
const recoveryKey = Buffer.alloc(32, 7).toString("base64");

test("the status says whether Redis decides", async () => {
  const redis = await startRedisServer();
  const server = await startTest({ config: { REDIS_URL: redis.url } });
  const rootKey = await server.makeRootKey([permission]);
  const state = async () => (await server.call("server.getStatus", {}, { rootKey })).body.data.redis;
  expect(await state()).toBe("up");
  await redis.stop();
  await until(async () => (await state()) === "down");
  await server.stop();
});

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine, config: { RECOVERY_KEY: recoveryKey, USAGE_EVENT_HOURS: "50" } });
  const space = testWorkspace(server);
  const status = async () => space.data("server.getStatus", {}, { rootKey: await space.keyWith(permission) });

  test("the status has the version, the database with its migrations, the cache and the settings", async () => {
    const { settings, ...shown } = await status();
    expect(shown).toEqual({
      version,
      startedAt: expect.any(Number),
      database: {
        engine: engine.name === "postgres" ? "postgres" : "sqlite",
        migrations: await listSchemaMigrations(server.services.db),
      },
      nodes: 1,
      redis: "not_configured",
      keyCache: {
        hits: expect.any(Number),
        misses: expect.any(Number),
        bytes: 0,
        maxBytes: expect.any(Number),
      },
      usage: { droppedEvents: 0, droppedCounts: 0, droppedTags: 0, evictedEvents: 0 },
    });
    expect(shown.database.migrations[0]).toBe("0001_start");
    expect(settings).toContainEqual({
      name: "USAGE_EVENT_HOURS",
      value: "50",
      description: expect.stringContaining("How many hours"),
    });
  });

  test("tags that were lost are counted, apart from the events, which are not lost", async () => {
    const before = (await status()).usage;
    const event = {
      atMs: server.clock.nowMs,
      workspaceId: space.id,
      requestId: "req_1",
      outcome: "VALID",
      credits: 0,
    };
    server.services.usage.record({ ...event, tags: ["x".repeat(2 ** 20 + 1), "y"] });
    expect((await status()).usage).toEqual({ ...before, droppedTags: before.droppedTags + 2 });
  });

  test("no secret is in the settings", async () => {
    const { settings } = await status();
    const value = (wanted: string) =>
      settings.find(({ name }: { name: string }) => name === wanted)?.value as string;
    expect(value("RECOVERY_KEY")).toBe("********");
    expect(JSON.stringify(settings)).not.toContain(recoveryKey);
    const { password } = engine.name === "postgres" ? new URL(server.databaseUrl) : { password: "" };
    if (password !== "") expect(value("DATABASE_URL")).not.toContain(password);
  });

  test("a root key with all permissions may neither read the status, nor grant that to a root key", async () => {
    expectRefusal(await space.call("server.getStatus", {}), "insufficient_permissions");
    const { keyId } = await space.data("rootKeys.createKey", { permissions: ["*"] });
    const holder = { rootKey: await space.keyWith("*", permission) };
    for (const caller of [{}, holder]) {
      const create = await space.call("rootKeys.createKey", { permissions: ["*", permission] }, caller);
      expectRefusal(create, "insufficient_permissions");
      const update = await space.call("rootKeys.updateKey", { keyId, permissions: [permission] }, caller);
      expectRefusal(update, "insufficient_permissions");
    }
  });

  test("who may read the status may reroll and rename such a root key, and nobody else may reroll it", async () => {
    const rootKey = await space.keyWith("*", permission);
    const keyId = await idOf(rootKey);
    const reroll = { keyId, expiration: null };
    expectRefusal(await space.call("rootKeys.rerollKey", reroll), "insufficient_permissions");
    const { key } = await space.data("rootKeys.rerollKey", reroll, { rootKey });
    expect((await space.call("server.getStatus", {}, { rootKey: key })).status).toBe(200);
    const renamed = { keyId, name: "operator", permissions: ["*", permission] };
    await space.data("rootKeys.updateKey", renamed, { rootKey });
  });

  async function idOf(rootKey: string): Promise<string> {
    const row = await server.services.db
      .selectFrom("rootKeys")
      .select("id")
      .where("hash", "=", hashKey(rootKey))
      .executeTakeFirstOrThrow();
    return row.id;
  }
});
