import { beforeAll, describe, expect, test } from "bun:test";
import { Unkey } from "@unkey/api";
import { ConflictErrorResponse, TooManyRequestsErrorResponse } from "@unkey/api/models/errors";
import { engines } from "../harness.ts";
import { testServer } from "../setUp.ts";
import { describeClient } from "./suite.ts";
import { typescriptClient } from "./typescriptClient.ts";

describeClient("@unkey/api", async () => typescriptClient(), {
  lacks: [
    "permissions.updatePermission",
    "permissions.updateRole",
    "rootKeys.createKey",
    "rootKeys.listKeys",
    "rootKeys.updateKey",
    "rootKeys.rerollKey",
    "rootKeys.deleteKey",
    "workspace.getLimits",
    "workspace.getUsage",
  ],
});

describe.each(engines)("code that uses @unkey/api, on $name,", (engine) => {
  const server = testServer({ engine });
  let unkey: Unkey;
  beforeAll(async () => {
    unkey = new Unkey({ serverURL: server.url, rootKey: server.rootKey });
  });

  test("sees a user's second key refused when the first has used up their shared limit", async () => {
    const externalId = "user_123";
    const ratelimits = [{ name: "requests", limit: 1, duration: 60_000, autoApply: true }];
    await unkey.identities.createIdentity({ externalId, meta: { plan: "pro" }, ratelimits });
    const { apiId } = (await unkey.apis.createApi({ name: "payments" })).data;
    const first = (await unkey.keys.createKey({ apiId, externalId })).data.key;
    const second = (await unkey.keys.createKey({ apiId, externalId })).data.key;
    const passed = (await unkey.keys.verifyKey({ key: first })).data;
    expect(passed).toMatchObject({ valid: true, identity: { externalId, meta: { plan: "pro" } } });
    const refused = (await unkey.keys.verifyKey({ key: second })).data;
    expect(refused).toMatchObject({ valid: false, code: "RATE_LIMITED" });
  });

  test("can distinguish errors by instanceof", async () => {
    await unkey.identities.createIdentity({ externalId: "twice" });
    const again = unkey.identities.createIdentity({ externalId: "twice" });
    const conflict: unknown = await again.catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(ConflictErrorResponse);
    expect(conflict).not.toBeInstanceOf(TooManyRequestsErrorResponse);
  });
});
