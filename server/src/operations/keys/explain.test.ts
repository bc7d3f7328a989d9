import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { dump } from "../../../test/tables.ts";
import { run } from "../../run.ts";
import { insertMigration } from "../../storage/queries/keys/migrations.ts";
import { setWorkspaceEnabled } from "../../storage/queries/workspaces.ts";
import { explain } from "./explain.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const createKey = (body: object = {}) => space.data("keys.createKey", { apiId, ...body });
  const explained = (body: object, options = {}) => space.data("keys.explain", body, options);
  // biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
  const checkOf = ({ checks }: any, check: string) => checks.find((one: any) => one.check === check);
  // biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
  const failedOf = ({ checks }: any) => checks.filter((one: any) => !one.passed);
  const iso = (ms: number) => new Date(ms).toISOString();

  test("a valid key passes every check, each of which says what was compared", async () => {
    const { key, keyId } = await createKey();
    expect(await explained({ key })).toEqual({
      verdict: { valid: true, code: "VALID" },
      keyId,
      at: server.clock.nowMs,
      checks: [
        { check: "found", passed: true, why: "The key exists." },
        { check: "workspace", passed: true, why: "The workspace is enabled." },
        { check: "enabled", passed: true, why: "The key is enabled." },
        { check: "expiry", passed: true, why: "The key never expires." },
        {
          check: "permissions",
          passed: true,
          why: "The verification asks for no permissions.",
          missing: [],
          granted: [],
          parts: [],
        },
        { check: "credits", passed: true, why: "The key's credits are unlimited.", cost: 1 },
      ],
    });
  });

  describe("each refusal is explained:", () => {
    test("NOT_FOUND, with the fix to check the key and the workspace", async () => {
      expect(await explained({ key: "prod_nobody" })).toEqual({
        verdict: { valid: false, code: "NOT_FOUND" },
        at: server.clock.nowMs,
        checks: [
          {
            check: "found",
            passed: false,
            why: "There is no such key that this root key may read.",
            fix: "Check that the key is complete, and that it belongs to the workspace of this root key.",
          },
        ],
      });
    });

    test("NOT_FOUND of a deleted key, with the time and the audit event, also if its record was removed", async () => {
      for (const permanent of [false, true]) {
        const { key, keyId } = await createKey();
        await space.data("keys.deleteKey", { keyId, permanent });
        const deletedAt = server.clock.nowMs;
        server.clock.advance(1000);
        const { data: events } = (
          await space.call("audit.listEvents", { targetId: keyId, event: "key.delete" })
        ).body;
        const response = await explained({ keyId });
        expect(response.verdict).toEqual({ valid: false, code: "NOT_FOUND" });
        expect(response.checks).toEqual([
          {
            check: "found",
            passed: false,
            deletedAt,
            auditEventId: events[0].id,
            why: `The key was deleted at ${iso(deletedAt)}, see audit event ${events[0].id}.`,
            fix: "Create another key. A deleted one cannot be restored.",
          },
        ]);
        const byKey = await explained({ key });
        expect(byKey.checks[0].deletedAt).toBe(permanent ? undefined : deletedAt);
      }
    });

    test("NOT_FOUND of a key whose api was deleted, which is named", async () => {
      const { keyId } = await createKey();
      await space.data("apis.deleteApi", { apiId });
      const { checks } = await explained({ keyId });
      expect(checks[0].why).toStartWith(
        `The key's api ${apiId} was deleted at ${iso(server.clock.nowMs)}, see audit`,
      );
    });

    test("NOT_FOUND of a migrated key that waits for its first verification, which the right migration id ends", async () => {
      const migrationId = server.services.newId("mig");
      const algorithm = "github.com/seamapi/prefixed-api-key";
      const migration = {
        id: migrationId,
        workspaceId: space.id,
        algorithm,
        nowMs: server.clock.nowMs,
      } as const;
      await server.services.engine.transaction((tx) => insertMigration(tx, migration));
      const hash = server.services.hashKey("51FwqftsmMDHHbJAMEXXHCgG");
      await space.data("keys.migrateKeys", { migrationId, apiId, keys: [{ hash, enabled: false }] });
      const key = "my_company_BRTRKFsL_51FwqftsmMDHHbJAMEXXHCgG";
      const waiting = await explained({ key });
      expect(waiting).toMatchObject({ verdict: { code: "NOT_FOUND" }, keyId: expect.any(String) });
      expect(waiting.checks).toEqual([
        {
          check: "found",
          passed: false,
          migrationId,
          why: "The key was migrated and waits for its first verification, which must name its migration.",
          fix: `Send \`migrationId: "${migrationId}"\` with the whole key.`,
        },
      ]);
      const before = await dump(server.services.engine.db, space.id);
      const first = await explained({ key, migrationId });
      expect(first.verdict).toEqual({ valid: false, code: "DISABLED" });
      expect(await dump(server.services.engine.db, space.id)).toEqual(before);
      expect((await space.data("keys.verifyKey", { key, migrationId })).code).toBe("DISABLED");
      expect((await space.call("keys.explain", { key: "two_parts", migrationId })).body.error).toEqual(
        (await space.call("keys.verifyKey", { key: "two_parts", migrationId })).body.error,
      );
    });

    test("DISABLED, with the call that enables it", async () => {
      const { key } = await createKey({ enabled: false });
      const response = await explained({ key });
      expect(response.verdict).toEqual({ valid: false, code: "DISABLED" });
      expect(failedOf(response)).toEqual([
        {
          check: "enabled",
          passed: false,
          why: "The key is disabled.",
          fix: "Enable it: keys.updateKey with `enabled: true`.",
        },
      ]);
      expect(response.passesAt).toBeUndefined();
    });

    test("EXPIRED, with the time", async () => {
      const expires = server.clock.nowMs + minuteMs;
      const { key } = await createKey({ expires });
      expect(checkOf(await explained({ key }), "expiry").why).toBe(`The key expires at ${iso(expires)}.`);
      server.clock.advance(2 * minuteMs);
      const response = await explained({ key });
      expect(response.verdict).toEqual({ valid: false, code: "EXPIRED" });
      expect(failedOf(response)).toEqual([
        {
          check: "expiry",
          passed: false,
          expires,
          why: `The key expired at ${iso(expires)}, 60 s before this verification.`,
          fix: "Set a later `expires` with keys.updateKey, or create another key.",
        },
      ]);
    });

    test("FORBIDDEN of a disabled workspace, with the command that enables it", async () => {
      const { key } = await createKey();
      await server.services.engine.transaction((tx) => setWorkspaceEnabled(tx, space.id, false));
      const { data } = await run(server.services, explain, {
        caller: { workspaceId: space.id, rootKeyId: "root_1", permissions: new Set(["*"]) },
        requestId: "req_1",
        via: undefined,
        remoteAddress: () => "127.0.0.1",
        auditsNothing: () => undefined,
        userAgent: () => undefined,
        idempotency: () => undefined,
        note: () => undefined,
        admitEntries: (_, work) => work(),
        refuseEntry: () => expect.unreachable(),
        body: () => ({ key }),
      });
      expect(data).toMatchObject({ verdict: { valid: false, code: "FORBIDDEN" } });
      expect(failedOf(data)).toEqual([
        {
          check: "workspace",
          passed: false,
          why: "The workspace is disabled.",
          fix: `Ask whoever runs this server to enable it: latchkey workspace enable ${space.id}`,
        },
      ]);
    });

    test("FORBIDDEN of an address that a list does not have, with the list that refused it", async () => {
      const { key, keyId } = await createKey({ ipAllowList: ["2001:db8::/32", "192.0.2.7"] });
      await space.data("apis.updateApi", { apiId, ipAllowList: ["192.0.2.0/24"] });
      const response = await explained({ key, ip: "::ffff:192.0.2.8" });
      expect(response.verdict).toEqual({ valid: false, code: "FORBIDDEN" });
      expect(response.checks.slice(4, 6)).toEqual([
        {
          check: "ipAllowList",
          owner: "api",
          passed: true,
          ip: "192.0.2.8",
          ipAllowList: ["192.0.2.0/24"],
          why: "The IP allow-list of the api has 192.0.2.8.",
        },
        {
          check: "ipAllowList",
          owner: "key",
          passed: false,
          ip: "192.0.2.8",
          ipAllowList: ["2001:db8::/32", "192.0.2.7"],
          why: "The IP allow-list of the key does not have 192.0.2.8.",
          fix: "Add 192.0.2.8 to the list with keys.updateKey, or use the key from an address in it.",
        },
      ]);
      expect(failedOf(await explained({ keyId }))).toMatchObject([
        {
          owner: "api",
          why: "The api has an IP allow-list, and the verification does not say from which address the key came.",
          fix: "Send the address as `ip`, or remove the list with apis.updateApi.",
        },
        { owner: "key" },
      ]);
    });

    test("INSUFFICIENT_PERMISSIONS, with every part of the query, how each permission is held, and what to add", async () => {
      await space.data("permissions.createRole", { name: "editor", permissions: ["docs.*"] });
      const { key } = await createKey({ roles: ["editor"], permissions: ["docs.read", "unrelated"] });
      const query = "docs.read AND (admin OR billing.read AND billing.write) AND other";
      const response = await explained({ key, permissions: query });
      expect(response.verdict).toEqual({ valid: false, code: "INSUFFICIENT_PERMISSIONS" });
      expect(failedOf(response)).toEqual([
        {
          check: "permissions",
          passed: false,
          query,
          missing: ["admin", "billing.read", "billing.write", "other"],
          granted: [
            { slug: "docs.read", via: "direct" },
            { slug: "docs.*", via: "role:editor" },
          ],
          parts: [
            { depth: 0, kind: "all", passed: false },
            { depth: 1, kind: "permission", permission: "docs.read", passed: true },
            { depth: 1, kind: "any", passed: false },
            { depth: 2, kind: "permission", permission: "admin", passed: false },
            { depth: 2, kind: "all", passed: false },
            { depth: 3, kind: "permission", permission: "billing.read", passed: false },
            { depth: 3, kind: "permission", permission: "billing.write", passed: false },
            { depth: 1, kind: "permission", permission: "other", passed: false },
          ],
          why: "The key lacks (admin or (billing.read and billing.write)) and other.",
          fix: "Give it (admin or (billing.read and billing.write)) and other, directly or through a role.",
        },
      ]);
      const enough = await explained({ key, permissions: "docs.read AND (docs.write OR admin)" });
      expect(checkOf(enough, "permissions")).toMatchObject({
        passed: true,
        missing: [],
        why: "The key satisfies docs.read AND (docs.write OR admin).",
      });
    });

    test("RATE_LIMITED, with each limit, its owner, what it hides, and when the cost passes", async () => {
      const limit = { limit: 10, duration: minuteMs, autoApply: true };
      await space.data("identities.createIdentity", {
        externalId: "user_1",
        ratelimits: [
          { ...limit, name: "requests", limit: 2 },
          { ...limit, name: "shared" },
        ],
      });
      const { key } = await createKey({ externalId: "user_1", ratelimits: [{ ...limit, name: "requests" }] });
      await space.data("keys.verifyKey", { key, ratelimits: [{ name: "requests", cost: 8 }] });
      const countedAt = server.clock.nowMs;
      server.clock.advance(19_000);
      const inline = { name: "inline", limit: 5, duration: 10_000, cost: 6 };
      const response = await explained({ key, ratelimits: [{ name: "requests", cost: 3 }] });
      expect(response.verdict).toEqual({ valid: false, code: "RATE_LIMITED" });
      expect(response.passesAt).toBe(countedAt + minuteMs);
      expect(failedOf(response)).toEqual([
        {
          check: "ratelimit",
          id: expect.stringMatching(/^rl_/),
          name: "requests",
          owner: "key",
          hides: "identity",
          passed: false,
          limit: 10,
          duration: minuteMs,
          cost: 3,
          used: 8,
          passesAt: countedAt + minuteMs,
          why: "8 of 10 used in 60 s: there is no room for a cost of 3. The key's own limit hides the identity's.",
          fix: "Wait 41 s, raise the limit, or lower the cost.",
        },
      ]);
      const limits = (await explained({ key, ratelimits: [inline] })).checks.slice(-4, -1);
      expect(limits).toEqual([
        expect.objectContaining({ name: "requests", owner: "key", passed: true, used: 8 }),
        expect.objectContaining({ name: "shared", owner: "identity", passed: true, used: 1 }),
        {
          check: "ratelimit",
          name: "inline",
          owner: "request",
          passed: false,
          limit: 5,
          duration: 10_000,
          cost: 6,
          used: 0,
          why: "A cost of 6 is above the limit of 5.",
          fix: "Raise the limit, or lower the cost.",
        },
      ]);
      expect((await explained({ key, ratelimits: [inline] })).passesAt).toBeUndefined();
    });

    test("USAGE_EXCEEDED, with what is left, and when a refill that suffices comes", async () => {
      const { key } = await createKey({
        credits: { remaining: 1, refill: { interval: "daily", amount: 5 } },
      });
      const nextMs = Math.ceil((server.clock.nowMs + 1) / dayMs) * dayMs;
      const response = await explained({ key, credits: { cost: 3 } });
      expect(response.verdict).toEqual({ valid: false, code: "USAGE_EXCEEDED" });
      expect(response.passesAt).toBe(nextMs);
      expect(failedOf(response)).toEqual([
        {
          check: "credits",
          passed: false,
          owner: "key",
          remaining: 1,
          cost: 3,
          passesAt: nextMs,
          why: "The verification costs 3 credits, and 1 is left.",
          fix: `Wait for the refill at ${iso(nextMs)}, add credits with keys.updateCredits, or lower the cost.`,
        },
      ]);
      const never = await explained({ key, credits: { cost: 6 } });
      expect(failedOf(never)[0]).toMatchObject({
        why: "The verification costs 6 credits, and 1 is left.",
        fix: "Add credits with keys.updateCredits, or lower the cost.",
      });
      expect(never.passesAt).toBeUndefined();
    });
  });

  test("the first failed check decides, and all that fail are listed", async () => {
    const { key } = await createKey({
      enabled: false,
      expires: server.clock.nowMs - 1,
      credits: { remaining: 0 },
      ratelimits: [{ name: "requests", limit: 1, duration: minuteMs, autoApply: true }],
    });
    const asked = { key, permissions: "admin", ratelimits: [{ name: "requests", cost: 2 }] };
    const response = await explained(asked);
    expect(response.verdict.code).toBe("DISABLED");
    expect(failedOf(response).map(({ check }: { check: string }) => check)).toEqual([
      "enabled",
      "expiry",
      "permissions",
      "ratelimit",
      "credits",
    ]);
    const unknown = await explained({ key, ratelimits: [{ name: "unknown" }] });
    expect(checkOf(unknown, "ratelimit")).toMatchObject({ name: "unknown", passed: false });
  });

  test("an explanation for a later time expects that nothing else changes until then", async () => {
    const { nowMs } = server.clock;
    const { key } = await createKey({
      expires: nowMs + 2 * minuteMs,
      credits: { remaining: 9 },
      ratelimits: [{ name: "requests", limit: 1, duration: minuteMs, autoApply: true }],
    });
    await space.data("keys.verifyKey", { key });
    const codeAt = async (at: number) => (await explained({ key, at })).verdict.code;
    expect(await codeAt(nowMs + minuteMs - 1)).toBe("RATE_LIMITED");
    expect(await codeAt(nowMs + minuteMs)).toBe("VALID");
    expect(await codeAt(nowMs + 2 * minuteMs)).toBe("VALID");
    expect(await codeAt(nowMs + 2 * minuteMs + 1)).toBe("EXPIRED");
  });

  test("no pass is promised for a time at which the key has expired", async () => {
    const { key } = await createKey({
      expires: server.clock.nowMs + minuteMs - 1,
      ratelimits: [{ name: "requests", limit: 1, duration: minuteMs, autoApply: true }],
    });
    await space.data("keys.verifyKey", { key });
    const response = await explained({ key });
    expect(checkOf(response, "ratelimit").passesAt).toBe(server.clock.nowMs + minuteMs);
    expect(response.passesAt).toBeUndefined();
  });

  test("an explanation counts, spends, stores and records nothing", async () => {
    const { key, keyId } = await createKey({
      credits: { remaining: 3, refill: { interval: "daily", amount: 5 } },
      permissions: ["a"],
      ratelimits: [{ name: "requests", limit: 3, duration: minuteMs, autoApply: true }],
    });
    await space.data("keys.verifyKey", { key });
    const state = async () => ({
      rows: await dump(server.services.engine.db, space.id),
      limits: await space.data("keys.getState", { keyId }),
      usage: (await space.data("analytics.getUsage", { keyId })).totals,
      lastUsedAt: (await space.data("keys.getKey", { keyId })).lastUsedAt,
    });
    const before = await state();
    for (const body of [{ key }, { keyId, permissions: "a" }, { keyId, credits: { cost: 3 } }])
      await explained(body);
    expect(await state()).toEqual(before);
  });

  describe("by the id of a request,", () => {
    const verify = async (body: object) => (await space.call("keys.verifyKey", body)).body;
    const idOf = async (body: object) => (await verify(body)).meta.requestId as string;
    const flaws = (body: object) => space.flaws("keys.explain", body);
    const refusedWith = async (body: object, options = {}) =>
      (await space.call("keys.explain", body, options)).body.error;

    test("a refused verification is decided again with its own query, costs, limits and address", async () => {
      const { key, keyId } = await createKey({
        credits: { remaining: 10 },
        ipAllowList: ["192.0.2.1"],
        ratelimits: [{ name: "requests", limit: 5, duration: minuteMs, autoApply: false }],
      });
      const request = {
        permissions: "a AND (b OR c)",
        credits: { cost: 11 },
        ratelimits: [
          { name: "requests", cost: 6 },
          { name: "inline", limit: 3, duration: minuteMs, cost: 4 },
        ],
        ip: "192.0.2.2",
      };
      const requestId = await idOf({ key, tags: ["path=/a"], ...request });
      const time = server.clock.nowMs;
      server.clock.advance(1_000);
      const response = await explained({ requestId });
      const event = { requestId, time, outcome: "FORBIDDEN" };
      expect(response).toEqual({ ...(await explained({ keyId, ...request })), request: event });
      expect(failedOf(response).map(({ check }: { check: string }) => check)).toEqual([
        "ipAllowList",
        "permissions",
        "ratelimit",
        "ratelimit",
        "credits",
      ]);
    });

    test("each refusal is found, also that of a key that is not, and a valid one that sent only a key", async () => {
      const { key, keyId } = await createKey({ credits: { remaining: 1 } });
      const counted = { name: "abc", limit: 1, duration: minuteMs, cost: 2 };
      const bodies: [object, string][] = [
        [{ key }, "VALID"],
        [{ key: "prod_nobody" }, "NOT_FOUND"],
        [{ key, permissions: "none" }, "INSUFFICIENT_PERMISSIONS"],
        [{ key, ratelimits: [counted] }, "RATE_LIMITED"],
        [{ key, credits: { cost: 7 } }, "USAGE_EXCEEDED"],
        [{ key, keyspaces: ["ks_other"] }, "NOT_FOUND"],
      ];
      // explained now, the first request is refused, since it has spent the key's only credit
      const expected = ["USAGE_EXCEEDED", ...bodies.slice(1).map(([, code]) => code)];
      const found = [];
      for (const [body, outcome] of bodies) {
        const requestId = await idOf(body);
        const response = await explained({ requestId });
        expect(response.request).toEqual({ requestId, time: server.clock.nowMs, outcome });
        found.push(response.verdict.code);
      }
      expect(found).toEqual(expected);
      await space.data("keys.updateKey", { keyId, enabled: false });
      const disabled = await idOf({ key });
      await space.data("keys.deleteKey", { keyId });
      expect((await explained({ requestId: disabled })).checks[0].why).toContain("was deleted at");
    });

    test("the verdict is for now or a later time, never for the time of the request", async () => {
      const { key, keyId } = await createKey({ enabled: false });
      const requestId = await idOf({ key });
      await space.data("keys.updateKey", { keyId, enabled: true });
      server.clock.advance(5_000);
      expect((await explained({ requestId })).verdict.code).toBe("VALID");
      const at = server.clock.nowMs + 1;
      expect((await explained({ requestId, at })).at).toBe(at);
      expect(await flaws({ requestId, at: server.clock.nowMs - 1 })).toEqual(["body.at"]);
    });

    test("a batch needs the key too, in any of its forms", async () => {
      const [one, two] = [await createKey({ enabled: false }), await createKey({ enabled: false })];
      const { body } = await space.call("keys.verifyKeys", [
        { key: one.key, permissions: "a" },
        { key: two.key, permissions: "b" },
      ]);
      const { requestId } = body.meta;
      expect(await flaws({ requestId })).toEqual(["body.requestId"]);
      const keyHash = server.services.hashKey(two.key);
      for (const ref of [{ keyId: two.keyId }, { key: two.key }, { keyHash }]) {
        const response = await explained({ requestId, ...ref });
        expect([response.keyId, checkOf(response, "permissions").query]).toEqual([two.keyId, "b"]);
      }
      const other = await createKey();
      const missing = await refusedWith({ requestId, keyId: other.keyId });
      expect(missing.type).toEndWith("/event_not_found");
    });

    test("only who may read the key finds its request, and nobody finds one of another workspace, an unknown one, or a decision", async () => {
      const { apiId: otherApi } = await space.data("apis.createApi", { name: "other" });
      const { key } = await createKey({ enabled: false });
      const requestId = await idOf({ key });
      const unknown = await idOf({ key: "nobody" });
      const own = { rootKey: await space.keyWith(`api.${apiId}.read_key`) };
      expect((await explained({ requestId }, own)).verdict.code).toBe("DISABLED");
      const other = { rootKey: await space.keyWith(`api.${otherApi}.read_key`) };
      const foreign = { rootKey: server.rootKey };
      const counted = { namespace: "emails", identifier: "user_1", limit: 1, duration: minuteMs };
      const decision = (await space.call("ratelimit.limit", counted)).body.meta.requestId;
      const attempts: [string, object][] = [
        [requestId, other],
        [requestId, foreign],
        [unknown, own],
        [decision, {}],
        [`${requestId.slice(0, -1)}_`, {}],
      ];
      for (const [requestId, options] of attempts) {
        expect((await refusedWith({ requestId }, options)).type).toEndWith("/event_not_found");
      }
    });

    test("a request whose fields are not kept is refused with the reason, and its address is kept only for a list", async () => {
      const { key, keyId } = await createKey({ permissions: ["a"] });
      const long = Array.from({ length: 40 }, (_, index) => ({
        name: `${index}`.padEnd(200, "x"),
        limit: 1,
        duration: minuteMs,
        cost: 2,
      }));
      for (const body of [{ permissions: "a" }, { ratelimits: long }]) {
        const error = await refusedWith({ requestId: await idOf({ key, ...body }) });
        expect(error.type).toEndWith("/precondition_failed");
        expect(error.detail).toContain("were not kept");
      }
      const requestId = await idOf({ key, permissions: "none", ip: "192.0.2.1" });
      await space.data("keys.updateKey", { keyId, ipAllowList: ["192.0.2.1"] });
      expect(checkOf(await explained({ requestId }), "ipAllowList").ip).toBeUndefined();
    });

    test("a `requestId` together with fields of a verification is refused", async () => {
      const requestId = "req_0Ck3vDbnXhq2Tn6Yp1Zs4a";
      for (const [field, value] of Object.entries({
        permissions: "a",
        credits: { cost: 1 },
        ip: "192.0.2.1",
        autoApply: false,
        tags: ["a"],
      })) {
        expect(await flaws({ requestId, [field]: value })).toEqual([`body.${field}`]);
      }
      expect(await flaws({ requestId, key: "a", keyId: "key_abc" })).toEqual(["body"]);
    });
  });

  test("a key in an api that the root key may not read looks like one that never existed, in whatever state it is", async () => {
    const { apiId: other } = await space.data("apis.createApi", { name: "other" });
    const rootKey = await space.keyWith(`api.${other}.read_key`);
    const asked = (body: object) => explained(body, { rootKey });
    const never = await asked({ keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" });
    for (const change of ["nothing", "keys.deleteKey", "gone"]) {
      const { key, keyId } = await createKey();
      if (change === "keys.deleteKey") await space.data(change, { keyId });
      if (change === "gone") await space.data("keys.deleteKey", { keyId, permanent: true });
      const keyHash = server.services.hashKey(key);
      for (const body of [{ key }, { keyId }, { keyHash }]) expect(await asked(body)).toEqual(never);
    }
  });

  test.each([
    [{}, "body"],
    [{ key: "a", keyId: "key_abc" }, "body"],
    [{ keyHash: "abc" }, "body.keyHash"],
    [{ keyId: "key_abc", at: 0 }, "body.at"],
    [
      { keyId: "key_abc", ratelimits: [{ name: "abc", limit: 1, duration: 1e15 }] },
      "body.ratelimits[0].duration",
    ],
  ])("the request %j is refused at %s", async (body, location) => {
    expect(await space.flaws("keys.explain", body)).toEqual([location]);
  });
});
