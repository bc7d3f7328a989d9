import { describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { expectRefusal } from "../../../test/refusal.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { hashKey } from "../../runtime.ts";

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  const whoami = (body: object, options = {}) => space.call("keys.whoami", body, options);

  test("a key is found by its hash exactly as by the key itself, and by nothing else", async () => {
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const { key, keyId } = await space.data("keys.createKey", { apiId, name: "first" });
    const byKey = (await whoami({ key })).body.data;
    expect(byKey).toMatchObject({ keyId, name: "first" });
    expect((await whoami({ keyHash: hashKey(key) })).body.data).toEqual(byKey);
    expectRefusal(await whoami({ keyHash: hashKey(`${key}x`) }), "key_not_found");
    expectRefusal(await whoami({ key: hashKey(key) }), "key_not_found");
    const rootKey = await space.keyWith("api.api_other.read_key");
    expectRefusal(await whoami({ keyHash: hashKey(key) }, { rootKey }), "key_not_found");
    expectRefusal(await whoami({ key, keyHash: hashKey(key) }), "invalid_input", "body");
    expectRefusal(await whoami({}), "invalid_input", "body");
    for (const keyHash of ["", "abc", `${hashKey(key)}=`, hashKey(key).slice(1)])
      expectRefusal(await whoami({ keyHash }), "invalid_input", "body.keyHash");
  });
});
