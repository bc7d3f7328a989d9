import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";
import { statuses } from "../../../test/workspace.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
    await space.data("permissions.createRole", { name: "editor", permissions: ["write"] });
  });
  const full = {
    externalId: "user_1",
    roles: ["editor"],
    permissions: ["read"],
    credits: { remaining: 5 },
    ratelimits: [{ name: "api", limit: 5, duration: 60_000 }],
  };
  const create = () => space.data("keys.createKey", { apiId, ...full });
  const rows = async (keyId: string) => {
    const tables = await dump(server.services.engine.db, space.id);
    const names = Object.keys(tables).filter((name) => name !== "auditEvents");
    return names.filter((name) => tables[name]?.some((row) => row.includes(keyId)));
  };

  test.each([false, true])(
    "with permanent %p, the key is invalid and not found, and a second deletion is a 404",
    async (permanent) => {
      const { keyId, key } = await create();
      expect((await space.data("keys.verifyKey", { key })).valid).toBe(true);
      expect(await space.data("keys.deleteKey", { keyId, permanent })).toEqual({});
      expect(await space.data("keys.verifyKey", { key })).toEqual({ valid: false, code: "NOT_FOUND" });
      expect(await space.data("apis.listKeys", { apiId })).toEqual([]);
      for (const again of [false, true]) {
        expect((await space.call("keys.deleteKey", { keyId, permanent: again })).status).toBe(404);
      }
    },
  );

  test("a permanent deletion leaves nothing in any table but the audit trail; otherwise the record stays", async () => {
    const [kept, gone] = [await create(), await create()];
    expect(await rows(gone.keyId)).toEqual(["balances", "keyPermissions", "keyRoles", "keys", "ratelimits"]);
    await space.data("keys.deleteKey", { keyId: gone.keyId, permanent: true });
    expect(await rows(gone.keyId)).toEqual([]);
    await space.data("keys.deleteKey", { keyId: kept.keyId });
    expect(await rows(kept.keyId)).toContain("keys");
    expect(await space.data("identities.getIdentity", { identity: "user_1" })).toMatchObject({
      ratelimits: [],
    });
    expect((await space.data("permissions.getRole", { role: "editor" })).permissions).toHaveLength(1);
  });

  test("if 20 callers delete a key at once, exactly one succeeds", async () => {
    const { keyId } = await create();
    expect(await statuses(20, () => space.call("keys.deleteKey", { keyId }))).toEqual({ 200: 1, 404: 19 });
    expect((await space.audit()).filter(({ event }) => event === "key.delete")).toHaveLength(1);
  });

  test("a key in an api where the caller may not delete keys looks like one that does not exist, and stays", async () => {
    const { keyId, key } = await create();
    const rootKey = await space.keyWith("api.api_other.delete_key", `api.${apiId}.update_key`);
    const hidden = await space.call("keys.deleteKey", { keyId, permanent: true }, { rootKey });
    const none = await space.call("keys.deleteKey", { keyId: "key_none" }, { rootKey });
    expect([hidden.status, hidden.body.error]).toEqual([404, none.body.error]);
    expect((await space.data("keys.verifyKey", { key })).valid).toBe(true);
  });
});
