import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { makeWorkspace } from "../../../test/workspace.ts";

describe.each(engines)("on $name, a root key with URNs as permissions", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const urn = (rest: string) => `unkey:v1:${space.id}:${rest}`;

  test("may do what they stand for and nothing else, and lists them as they were given", async () => {
    const permissions = [urn("apis/*#create_api"), urn("keyspaces/*#create_key"), "root_key.*.read_root_key"];
    const { key: rootKey, keyId: own } = await space.data("rootKeys.createKey", { permissions });
    const { apiId } = await space.data("apis.createApi", { name: "payments" }, { rootKey });
    const { keyId } = await space.data("keys.createKey", { apiId }, { rootKey });
    expect((await space.call("keys.getKey", { keyId }, { rootKey })).status).toBe(403);
    const listed = (await space.call("rootKeys.listKeys", {}, { rootKey })).body.data;
    const found = listed.find((one: { keyId: string }) => one.keyId === own);
    expect(found.permissions.toSorted()).toEqual(permissions.toSorted());
  });

  test("grants only what they stand for, in either form", async () => {
    const permissions = [urn("keyspaces/*/keys/*#read_key"), "root_key.*.create_root_key"];
    const { key: rootKey } = await space.data("rootKeys.createKey", { permissions });
    const grant = async (...wanted: string[]) =>
      (await space.call("rootKeys.createKey", { permissions: wanted }, { rootKey })).status;
    expect(await grant("api.*.read_key", urn("keyspaces/*/keys/*#read_key"))).toBe(200);
    expect(await grant("api.*.update_key")).toBe(403);
    expect(await grant(urn("keyspaces/*/keys/*#update_key"))).toBe(403);
    expect(await grant(urn("rootKeys/*#write"))).toBe(403);
  });

  /** An api with its keyspace and one key. */
  const makeApi = async (from = space) => {
    const { apiId } = await from.data("apis.createApi", { name: "payments" });
    const { keyspaceId } = await from.data("apis.getApi", { apiId });
    const { keyId } = await from.data("keys.createKey", { apiId });
    return { apiId, keyspaceId, keyId };
  };
  const statusOf = async (rootKey: string, operation: string, body: object) =>
    (await space.call(operation, body, { rootKey })).status;

  test("for a single keyspace may act only in its api, and lists the URNs unchanged", async () => {
    const [mine, other] = [await makeApi(), await makeApi()];
    const permissions = [
      urn(`keyspaces/${mine.keyspaceId}#create_key`),
      urn(`keyspaces/${mine.keyspaceId}/keys/*#read_key`),
    ];
    for (const make of ["create", "update", "reroll"]) {
      const first = make === "update" ? ["api.*.read_api"] : permissions;
      let { key: rootKey, keyId: own } = await space.data("rootKeys.createKey", { permissions: first });
      if (make === "update") await space.data("rootKeys.updateKey", { keyId: own, permissions });
      if (make === "reroll") {
        const rerolled = await space.data("rootKeys.rerollKey", { keyId: own, expiration: 0 });
        [rootKey, own] = [rerolled.key, rerolled.keyId];
      }
      expect(await statusOf(rootKey, "keys.createKey", { apiId: mine.apiId })).toBe(200);
      expect(await statusOf(rootKey, "keys.getKey", { keyId: mine.keyId })).toBe(200);
      expect(await statusOf(rootKey, "keys.createKey", { apiId: other.apiId })).toBe(404);
      expect(await statusOf(rootKey, "keys.getKey", { keyId: other.keyId })).toBe(404);
      expect(await statusOf(rootKey, "keys.deleteKey", { keyId: mine.keyId })).toBe(403);
      const listed = await space.data("rootKeys.listKeys", {});
      expect(listed.find((one: { keyId: string }) => one.keyId === own).permissions).toEqual(permissions);
    }
  });

  test("for a single keyspace keeps them when the api is deleted, but no other root key can get them any more", async () => {
    const { apiId, keyspaceId, keyId } = await makeApi();
    const permissions = [urn(`keyspaces/${keyspaceId}/keys/*#read_key`)];
    const { key: rootKey, keyId: own } = await space.data("rootKeys.createKey", { permissions });
    await space.data("apis.deleteApi", { apiId });
    expect(await statusOf(rootKey, "keys.getKey", { keyId })).toBe(404);
    const listed = await space.data("rootKeys.listKeys", {});
    expect(listed.find((one: { keyId: string }) => one.keyId === own).permissions).toEqual(permissions);
    await space.data("rootKeys.rerollKey", { keyId: own, expiration: 0 });
    expectRefusal(
      await space.call("rootKeys.createKey", { permissions }),
      "invalid_input",
      "body.permissions[0]",
    );
  });

  test("is refused for a keyspace of another workspace, or that the caller cannot see, as for one that does not exist", async () => {
    const foreign = await makeApi(await makeWorkspace(server));
    const hidden = await makeApi();
    const seen = await makeApi();
    const rootKey = await space.keyWith("root_key.*.create_root_key", `api.${seen.apiId}.read_api`);
    const ask = (keyspaceId: string, caller: string) =>
      space.call(
        "rootKeys.createKey",
        { permissions: [urn(`keyspaces/${keyspaceId}#create_key`)] },
        { rootKey: caller },
      );
    const flawOf = async (keyspaceId: string, caller = space.rootKey) => {
      const reply = await ask(keyspaceId, caller);
      expectRefusal(reply, "invalid_input", "body.permissions[0]");
      expect(reply.body.error.errors[0].message).toContain(keyspaceId);
      return JSON.stringify(reply.body.error).replaceAll(keyspaceId, "ks_…");
    };
    const unknown = await flawOf("ks_none");
    expect(await flawOf(foreign.keyspaceId)).toBe(unknown);
    expect(await flawOf(hidden.keyspaceId, rootKey)).toBe(unknown);
    expectRefusal(await ask(seen.keyspaceId, rootKey), "insufficient_permissions");
  });

  test("is refused for a URN without a counterpart, which is named", async () => {
    const single = urn("keyspaces/*/keys/key_1#verify_key");
    const reply = await space.call("rootKeys.createKey", { permissions: ["*", single] });
    expect(reply.status).toBe(400);
    const [flaw] = reply.body.error.errors;
    expect([flaw.location, flaw.message]).toEqual([
      "body.permissions[1]",
      "names a single resource, and this server has no such permission: keyspaces/*/keys/key_1",
    ]);
  });
});
