import { beforeEach, describe, expect, test } from "bun:test";
import { engines, startTest } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine, config: { RECOVERY_KEY: Buffer.alloc(32, 7).toString("base64") } });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const create = (body: object = {}) => space.data("keys.createKey", { apiId, ...body });
  const read = (keyId: string, more = {}) => space.data("keys.getKey", { keyId, ...more });

  test("a key is the same whether read by its id or by the key itself, and reading spends and counts nothing", async () => {
    await space.data("permissions.createRole", { name: "editor", permissions: ["b", "a"] });
    const { keyId, key } = await create({
      prefix: "prod",
      name: "first",
      meta: { a: 1 },
      externalId: "user_1",
      roles: ["editor"],
      permissions: ["c", "a"],
      credits: { remaining: 1 },
      ratelimits: [{ name: "api", limit: 1, duration: 60_000, autoApply: true }],
    });
    for (let i = 0; i < 3; i += 1) {
      const whoami = await space.data("keys.whoami", { key });
      expect(whoami).toEqual(await read(keyId));
      expect(whoami).toEqual({
        keyId,
        keyspaceId: expect.stringMatching(/^ks_/),
        start: key.slice(0, 9),
        enabled: true,
        createdAt: server.clock.nowMs,
        name: "first",
        meta: { a: 1 },
        permissions: ["a", "b", "c"],
        roles: ["editor"],
        credits: { remaining: 1 },
        identity: expect.objectContaining({ externalId: "user_1" }),
        ratelimits: [expect.objectContaining({ name: "api" })],
      });
    }
    expect(await space.data("keys.verifyKey", { key })).toMatchObject({ valid: true, credits: 0 });
  });

  test("disabled and expired keys are read; deleted ones and those of deleted apis are not", async () => {
    const { keyId, key } = await create({ enabled: false, expires: 1 });
    expect(await read(keyId)).toMatchObject({ enabled: false, expires: 1 });
    expect(await space.data("keys.whoami", { key })).toMatchObject({ keyId });
    const gone = await create();
    await space.data("keys.deleteKey", { keyId: gone.keyId });
    const statuses = async ({ keyId, key }: { keyId: string; key: string }) => [
      (await space.call("keys.getKey", { keyId })).status,
      (await space.call("keys.whoami", { key })).status,
    ];
    expect(await statuses(gone)).toEqual([404, 404]);
    await space.data("apis.deleteApi", { apiId });
    expect(await statuses({ keyId, key })).toEqual([404, 404]);
  });

  test("whoami needs the whole key, byte for byte", async () => {
    const { key } = await create({ prefix: "prod" });
    for (const other of [key.slice(5), key.toUpperCase(), `${key} `, ` ${key}`, `${key}x`]) {
      const reply = await space.call("keys.whoami", { key: other });
      expect(reply.status).toBe(404);
      expect(reply.text).not.toContain(other.trim());
    }
  });

  test("the time of a key's last use is returned, with a short delay", async () => {
    const { keyId, key } = await create();
    expect(await read(keyId)).not.toHaveProperty("lastUsedAt");
    server.clock.advance(1_234);
    await space.data("keys.verifyKey", { key });
    expect((await read(keyId)).lastUsedAt).toBe(server.clock.nowMs);
  });

  test("a use recorded by a clock that was years ahead does not hide later uses", async () => {
    const { keyId, key } = await create();
    const yearsMs = 5 * 365 * 86_400_000;
    server.clock.set(yearsMs);
    await space.data("keys.verifyKey", { key });
    expect((await read(keyId)).lastUsedAt).toBe(server.clock.nowMs);
    server.clock.set(-yearsMs);
    await space.data("keys.verifyKey", { key });
    expect((await read(keyId)).lastUsedAt).toBe(server.clock.nowMs);
  });

  test("a key where the caller may not read keys looks like one that does not exist, by id and by itself", async () => {
    const { keyId, key } = await create();
    const rootKey = await space.keyWith("api.api_other.read_key", `api.${apiId}.read_api`);
    const asked = [
      ["keys.getKey", { keyId }, { keyId: "key_0000000000000000000000" }],
      ["keys.whoami", { key }, { key: `${key}0` }],
    ] as const;
    for (const [operation, there, missing] of asked) {
      const hidden = await space.call(operation, there, { rootKey });
      const none = await space.call(operation, missing, { rootKey });
      expect([hidden.status, hidden.body.error]).toEqual([404, none.body.error]);
    }
    const one = await space.keyWith(`api.${apiId}.read_key`);
    expect((await space.call("keys.getKey", { keyId }, { rootKey: one })).status).toBe(200);
  });

  describe("a recoverable key", () => {
    test("is shown only if the request asks for it, and no table holds it in clear text", async () => {
      const { keyId, key } = await create({ recoverable: true, prefix: "prod" });
      const plain = await create();
      expect(await read(keyId)).not.toHaveProperty("plaintext");
      expect((await read(keyId, { decrypt: true })).plaintext).toBe(key);
      expect(await read(plain.keyId, { decrypt: true })).not.toHaveProperty("plaintext");
      expect(await space.data("keys.whoami", { key })).not.toHaveProperty("plaintext");
      const listed = await space.data("apis.listKeys", { apiId, decrypt: true });
      expect(listed.map((one: { plaintext?: string }) => one.plaintext)).toEqual([key, undefined]);
      expect(await space.data("apis.listKeys", { apiId })).toEqual([
        expect.not.objectContaining({ plaintext: key }),
        expect.anything(),
      ]);
      expect(JSON.stringify(await dump(server.services.engine.db, space.id))).not.toContain(key);
    });

    test("is created only by callers that may encrypt, and shown only to those that may decrypt", async () => {
      const maker = await space.keyWith("api.*.create_key");
      const refused = await space.call("keys.createKey", { apiId, recoverable: true }, { rootKey: maker });
      expect([403, 404]).toContain(refused.status);
      expect(await space.data("apis.listKeys", { apiId })).toEqual([]);
      const { keyId } = await create({ recoverable: true });
      const rootKey = await space.keyWith("api.*.read_key", "api.*.read_api", "api.api_other.decrypt_key");
      for (const [operation, body] of [
        ["keys.getKey", { keyId }],
        ["apis.listKeys", { apiId }],
      ] as const) {
        expect((await space.call(operation, body, { rootKey })).status).toBe(200);
        const reply = await space.call(operation, { ...body, decrypt: true }, { rootKey });
        expect(reply.status).toBe(403);
        expect(reply.body.error.detail).toContain("decrypt_key");
      }
    });

    test("that another recovery key sealed is returned without `plaintext`", async () => {
      const { keyId } = await create({ recoverable: true });
      await server.services.engine.transaction((tx) =>
        tx
          .updateTable("keys")
          .set({ sealed: Buffer.alloc(60, 1).toString("base64url") })
          .where("workspaceId", "=", space.id)
          .where("id", "=", keyId)
          .execute(),
      );
      expect(await read(keyId, { decrypt: true })).not.toHaveProperty("plaintext");
    });
  });
});

test("asking a server without a recovery key for plaintext is a 412, whatever the key", async () => {
  const server = await startTest();
  try {
    const { apiId } = (await server.call("apis.createApi", { name: "payments" })).body.data;
    const { keyId } = (await server.call("keys.createKey", { apiId })).body.data;
    for (const [operation, body] of [
      ["keys.getKey", { keyId }],
      ["apis.listKeys", { apiId }],
    ] as const) {
      const reply = await server.call(operation, { ...body, decrypt: true });
      expect(reply.status).toBe(412);
      expect(reply.body.error.type).toEndWith("/unkey/application/precondition_failed");
      expect(reply.body.error.detail).toEndWith("Set RECOVERY_KEY, or omit `decrypt`.");
    }
  } finally {
    await server.stop();
  }
});
