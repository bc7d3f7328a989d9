import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Unkey } from "@unkey/api";
import { ConflictErrorResponse, TooManyRequestsErrorResponse } from "@unkey/api/models/errors";
import { engines, startTest, type TestServer } from "../harness.ts";
import { describeClient } from "./suite.ts";
import { typescriptClient } from "./typescriptClient.ts";

describeClient("@unkey/api", async () => typescriptClient(), {
  lacks: ["permissions.updatePermission", "permissions.updateRole"],
});

describe.each(engines)("written as its users write it, @unkey/api on $name", (engine) => {
  let server: TestServer;
  let unkey: Unkey;
  beforeAll(async () => {
    server = await startTest({ engine });
    unkey = new Unkey({ serverURL: server.url, rootKey: server.rootKey });
  });
  afterAll(() => server.stop());

  test("refuses a user's second key when the first has used their shared limit up", async () => {
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

  test("throws classes that users tell apart by instanceof", async () => {
    await unkey.identities.createIdentity({ externalId: "twice" });
    const again = unkey.identities.createIdentity({ externalId: "twice" });
    const conflict: unknown = await again.catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(ConflictErrorResponse);
    expect(conflict).not.toBeInstanceOf(TooManyRequestsErrorResponse);
  });
});
