import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";

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

  test("is refused for a URN without a counterpart, which is named", async () => {
    const single = urn("keyspaces/*/keys/key_1#verify_key");
    const reply = await space.call("rootKeys.createKey", { permissions: ["*", single] });
    expect(reply.status).toBe(400);
    const [flaw] = reply.body.error.errors;
    expect([flaw.location, flaw.message]).toEqual([
      "body.permissions[1]",
      "is for a single thing, which has no counterpart here: keyspaces/*/keys/key_1",
    ]);
  });
});
