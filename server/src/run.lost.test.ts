import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest, type TestServer } from "../test/harness.ts";
import { type Engine, StorageError } from "./storage/engine.ts";

/** when the connection is lost: after the database has committed the transaction, or before */
type Lost = "after the commit" | "before the commit";

/**
 * Wraps an engine so that the next commit fails as if its connection were lost. `reachable`: whether the database
 * responds to later queries.
 */
function losing(engine: Engine, lost: Lost, reachable = true): Engine {
  let over = false;
  const { db } = engine;
  const away = new Proxy(db, {
    get() {
      throw new StorageError("unavailable", "The database is away.");
    },
  });
  return {
    ...engine,
    get db() {
      return over && !reachable ? away : db;
    },
    async transaction(work, options) {
      if (over) return engine.transaction(work, options);
      over = true;
      await engine
        .transaction(async (tx) => {
          await work(tx);
          if (lost === "before the commit") throw new StorageError("lost", "Never committed.");
        }, options)
        .catch((error: unknown) => {
          if (lost === "after the commit") throw error;
        });
      throw new StorageError("lost", "The response to the commit did not arrive.");
    },
  };
}

describe.each(engines)("on $name, a write whose commit the database did not confirm", (engine) => {
  let server: TestServer;
  let real: Engine;
  beforeEach(async () => {
    server = await startTest({ engine });
    real = server.services.engine;
  });
  afterEach(async () => {
    server.services.engine = real;
    await server.stop();
  });
  const headers = { "Idempotency-Key": "order-1" };
  const create = () => server.call("identities.createIdentity", { externalId: "user_1" }, { headers });
  const stored = () => real.db.selectFrom("identities").select("id").execute();

  test("succeeds if the database has its audit row", async () => {
    server.services.engine = losing(real, "after the commit");
    const reply = await create();
    expect(reply.status).toBe(200);
    expect(await stored()).toEqual([{ id: reply.body.data.identityId }]);
    const repeat = await create();
    expect([repeat.text, repeat.headers.get("idempotent-replayed")]).toEqual([reply.text, "true"]);
  });

  test("evicts caches at once, like any other change", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const { keyId, key } = (await server.call("keys.createKey", { apiId })).body.data;
    const verify = async () => (await server.call("keys.verifyKey", { key })).body.data.code;
    expect(await verify()).toBe("VALID");
    server.services.engine = losing(real, "after the commit");
    expect((await server.call("keys.updateKey", { keyId, enabled: false })).status).toBe(200);
    expect(await verify()).toBe("DISABLED");
  });

  test("evicts caches at once even if it is unknown whether it was committed", async () => {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const { keyId, key } = (await server.call("keys.createKey", { apiId })).body.data;
    const verify = async () => (await server.call("keys.verifyKey", { key })).body.data.code;
    expect(await verify()).toBe("VALID");
    server.services.engine = losing(real, "after the commit", false);
    expect((await server.call("keys.updateKey", { keyId, enabled: false })).status).toBe(503);
    server.services.engine = real;
    expect(await verify()).toBe("DISABLED");
  });

  test("is a 503 that can be retried if the database does not have its audit row", async () => {
    server.services.engine = losing(real, "before the commit");
    const reply = await create();
    expect(reply.status).toBe(503);
    expect(reply.body.error.type).toEndWith("/outcome_unknown");
    expect(reply.headers.get("retry-after")).toBe("1");
    expect(await stored()).toEqual([]);
    const again = await create();
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, null]);
    expect(await stored()).toHaveLength(1);
  });

  test("is a 503 outcome_unknown if the database stays unavailable, and a retry with the same key returns the outcome", async () => {
    server.services.engine = losing(real, "after the commit", false);
    const reply = await create();
    expect(reply.status).toBe(503);
    expect(reply.body.error.type).toEndWith("/outcome_unknown");
    server.services.engine = real;
    const again = await create();
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    expect(await stored()).toEqual([{ id: again.body.data.identityId }]);
  });
});
