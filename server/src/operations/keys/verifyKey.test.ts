import { beforeEach, describe, expect, test } from "bun:test";
import { directCall } from "../../../test/directCall.ts";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { makeWorkspace, nested } from "../../../test/workspace.ts";
import { run } from "../../run.ts";
import { setWorkspaceEnabled } from "../../storage/queries/workspaces.ts";
import { verifyKey } from "./verifyKey.ts";

const minuteMs = 60_000;
const both = [true, false];

/** Everything that can be wrong with a key, in every combination. */
const combinations = both.flatMap((enabled) =>
  both.flatMap((alive) =>
    both.flatMap((permitted) =>
      both.flatMap((room) => both.map((credit) => ({ enabled, alive, permitted, room, credit }))),
    ),
  ),
);
type Combination = (typeof combinations)[number];

/** The code of the first check that fails, in the order of the table in docs/concepts.md. */
function firstRefusal({ enabled, alive, permitted, room, credit }: Combination): string {
  const checks = [
    [enabled, "DISABLED"],
    [alive, "EXPIRED"],
    [permitted, "INSUFFICIENT_PERMISSIONS"],
    [room, "RATE_LIMITED"],
    [credit, "USAGE_EXCEEDED"],
  ] as const;
  return checks.find(([passes]) => !passes)?.[1] ?? "VALID";
}

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let apiId: string;
  beforeEach(async () => {
    ({ apiId } = await space.data("apis.createApi", { name: "payments" }));
  });
  const createKey = (body: object = {}) => space.data("keys.createKey", { apiId, ...body });
  const verify = (key: string, body: object = {}) => space.data("keys.verifyKey", { key, ...body });

  /** Creates the key of a combination. `left` reads what remains of its limit, its identity's limit and its credits. */
  async function subjectOf({ enabled, alive, permitted, room, credit }: Combination) {
    const limit = { limit: 5, duration: minuteMs, autoApply: true };
    const { identityId } = await space.data("identities.createIdentity", {
      externalId: `user_${crypto.randomUUID()}`,
      ratelimits: [{ name: "shared", ...limit }],
    });
    const { externalId } = await space.data("identities.getIdentity", { identity: identityId });
    const { keyId, key } = await createKey({
      externalId,
      enabled,
      permissions: permitted ? ["documents.read"] : ["documents.other"],
      credits: { remaining: credit ? 3 : 0 },
      ratelimits: [{ name: "own", ...limit }],
      ...(alive ? {} : { expires: server.clock.nowMs - 1 }),
    });
    const window = { workspaceId: space.id, durationMs: minuteMs, limit: 5 };
    const own = { ...window, space: "key", subject: keyId, name: "own" } as const;
    const shared = { ...window, space: "identity", subject: identityId, name: "shared" } as const;
    const { counters, engine } = server.services;
    if (!room) await counters.hit([{ ...own, cost: 5 }]);
    const left = async () => {
      const { windows } = await counters.hit([
        { ...own, cost: 0 },
        { ...shared, cost: 0 },
      ]);
      const balance = await engine.db
        .selectFrom("balances")
        .select("remaining")
        .where("workspaceId", "=", space.id)
        .where("id", "=", keyId)
        .executeTakeFirstOrThrow();
      return { own: windows[0]?.remaining, shared: windows[1]?.remaining, credits: balance.remaining };
    };
    return { keyId, key, left };
  }

  describe("the first failing check decides, and only a valid verification spends anything:", () => {
    test.each(combinations.map((combination) => ({ ...combination, code: firstRefusal(combination) })))(
      "enabled $enabled, alive $alive, permitted $permitted, room $room, credit $credit: $code",
      async ({ code, ...combination }) => {
        const { keyId, key, left } = await subjectOf(combination);
        const before = await left();
        const response = await verify(key, { permissions: "documents.read" });
        const passed = code === "VALID" ? 1 : 0;
        expect(response).toMatchObject({
          valid: code === "VALID",
          code,
          keyId,
          enabled: combination.enabled,
          credits: (before.credits ?? 0) - passed,
          identity: { meta: {} },
        });
        expect(await left()).toEqual({
          own: (before.own ?? 0) - passed,
          shared: (before.shared ?? 0) - passed,
          credits: (before.credits ?? 0) - passed,
        });
        // limits are returned only if they were counted
        const judged = ["VALID", "RATE_LIMITED", "USAGE_EXCEEDED"].includes(code);
        expect(response.ratelimits?.map(({ name }: { name: string }) => name).sort()).toEqual(
          judged ? ["own", "shared"] : undefined,
        );
      },
    );
  });

  test("a key of a disabled workspace is FORBIDDEN, whatever else is wrong with it, and spends nothing", async () => {
    const subjects = await Promise.all(combinations.map(subjectOf));
    await server.services.engine.transaction((tx) => setWorkspaceEnabled(tx, space.id, false));
    for (const { keyId, key, left } of subjects) {
      const before = await left();
      const call = directCall(space.id, { key, permissions: "documents.read" });
      const { data } = await run(server.services, verifyKey, call);
      expect(data).toMatchObject({ valid: false, code: "FORBIDDEN", keyId });
      expect(await left()).toEqual(before);
    }
  });

  describe("NOT_FOUND comes without other fields for", () => {
    const notFound = { valid: false, code: "NOT_FOUND" };

    test("a key that never existed, and one that differs in a single byte", async () => {
      const { key } = await createKey({ prefix: "prod" });
      const others = [
        `${key} `,
        ` ${key}`,
        `${key}\n`,
        key.slice(0, -1),
        `${key}x`,
        key.toUpperCase(),
        "ключ",
        "🔑",
      ];
      for (const other of others) expect(await verify(other)).toEqual(notFound);
      expect(await verify(key)).toMatchObject({ code: "VALID" });
    });

    test("a key that was deleted, and one whose api was", async () => {
      const { keyId, key } = await createKey();
      await space.data("keys.deleteKey", { keyId });
      expect(await verify(key)).toEqual(notFound);
      const other = await createKey();
      await space.data("apis.deleteApi", { apiId });
      expect(await verify(other.key)).toEqual(notFound);
    });

    test("a key of another workspace", async () => {
      const { key } = await createKey();
      const other = await makeWorkspace(server);
      expect(await other.data("keys.verifyKey", { key })).toEqual(notFound);
    });

    test("a root key", async () => {
      expect(await verify(space.rootKey)).toEqual(notFound);
    });

    test("a root key that may verify only in another api, even with a malformed query", async () => {
      const { key } = await createKey();
      const other = await space.data("apis.createApi", { name: "other" });
      const rootKey = await space.keyWith(`api.${other.apiId}.verify_key`);
      const ask = (body: object) => space.data("keys.verifyKey", body, { rootKey });
      expect(await ask({ key })).toEqual(notFound);
      expect(await ask({ key, permissions: "((" })).toEqual(notFound);
      expect(await ask({ key: "none", permissions: "((" })).toEqual(notFound);
      expect(await ask({ key, ratelimits: [{ name: "none" }] })).toEqual(notFound);
    });
  });

  test("a root key for one api verifies the keys of that one; one for none is 403", async () => {
    const { key } = await createKey();
    const one = await space.keyWith(`api.${apiId}.verify_key`);
    expect(await space.data("keys.verifyKey", { key }, { rootKey: one })).toMatchObject({ code: "VALID" });
    const none = await space.keyWith(`api.${apiId}.read_key`);
    const reply = await space.call("keys.verifyKey", { key }, { rootKey: none });
    expect(reply.status).toBe(403);
    expect(reply.body.error.detail).toContain('"api.*.verify_key"');
  });

  test("a key is valid at its instant of expiry, and expired a millisecond later", async () => {
    const { key } = await createKey({ expires: server.clock.nowMs + 1_000 });
    server.clock.advance(1_000);
    expect(await verify(key)).toMatchObject({ code: "VALID" });
    server.clock.advance(1);
    expect(await verify(key)).toMatchObject({ code: "EXPIRED", expires: server.clock.nowMs - 1 });
  });

  describe("permissions:", () => {
    test.each([
      ["a.read", true],
      ["a.read AND b.write", true],
      ["a.read and c.none", false],
      ["c.none OR b.write", true],
      ["c.none OR b.write AND a.read", true],
      ["(c.none OR b.write) AND c.none", false],
      ["team.x.any", true],
      ["team.x.y.z", true],
      ["team", false],
      ["org.1.read", true],
      ["org.1.2.read", false],
      ["A.read", false],
      ["a.*", false],
    ])("the query %p is %p", async (permissions, passes) => {
      await space.data("permissions.createRole", { name: "writer", permissions: ["b.write"] });
      const { key } = await createKey({ permissions: ["a.read", "team.*", "org.*.read"], roles: ["writer"] });
      expect(await verify(key, { permissions })).toMatchObject({
        valid: passes,
        code: passes ? "VALID" : "INSUFFICIENT_PERMISSIONS",
        permissions: ["a.read", "b.write", "org.*.read", "team.*"],
        roles: ["writer"],
      });
    });

    test.each([
      ["a.read AND", 10],
      ["a.read b.read", 7],
      ["(a.read", 0],
      ["a.read)", 6],
      ["  ", 0],
      ["a.read & b", 7],
      ["a.read AND é", 11],
      [`${"(".repeat(33)}a${")".repeat(33)}`, 32],
    ])(
      "the query %p is 400 and says where, also for a key that is disabled",
      async (permissions, position) => {
        for (const enabled of both) {
          const { key } = await createKey({ enabled });
          const { status, body } = await space.call("keys.verifyKey", { key, permissions });
          expect(status).toBe(400);
          expect(body.error.type).toEndWith("/user/bad_request/permissions_query_syntax_error");
          expect(body.error.detail).toContain(`osition ${position} `);
          expect(body.error.errors).toEqual([
            {
              location: "body.permissions",
              message: expect.stringContaining(`(position ${position})`),
              fix: expect.any(String),
            },
          ]);
        }
      },
    );

    test("are checked before anything is counted", async () => {
      const limit = { name: "own", limit: 1, duration: minuteMs, autoApply: true };
      const { key } = await createKey({ ratelimits: [limit], credits: { remaining: 1 } });
      for (let i = 0; i < 3; i += 1) {
        const response = await verify(key, { permissions: "none", ratelimits: [{ name: "unknown" }] });
        expect(response).toMatchObject({ code: "INSUFFICIENT_PERMISSIONS", credits: 1 });
      }
      expect(await verify(key)).toMatchObject({ code: "VALID", credits: 0 });
    });
  });

  test("metadata of the key and of its identity is returned unchanged, whatever its members are called", async () => {
    const meta = `{"1":1,"__proto__":{"admin":true},"toJSON":null,"b":[1e-7,"\\u2028"],"a":${JSON.stringify(nested(31))}}`;
    await space.call("identities.createIdentity", `{"externalId":"user_123","meta":${meta}}`);
    const made = await space.call(
      "keys.createKey",
      `{"apiId":"${apiId}","externalId":"user_123","meta":${meta}}`,
    );
    for (let i = 0; i < 3; i += 1) {
      const { text } = await space.call("keys.verifyKey", { key: made.body.data.key });
      expect(text.split(`"meta":${JSON.stringify(JSON.parse(meta))}`)).toHaveLength(3);
    }
  });

  test("tags are accepted, whatever their text is", async () => {
    const { key } = await createKey();
    const tags = ["a=b", "😀", "x".repeat(512), "a=b", ""].slice(0, 4);
    expect(await verify(key, { tags })).toMatchObject({ code: "VALID" });
    expect(await verify(key, { tags: [] })).toMatchObject({ code: "VALID" });
    expect(await space.flaws("keys.verifyKey", { key, tags: Array(21).fill("x") })).toEqual(["body.tags"]);
  });

  test("with an unknown migration, an unknown key is not found and a known key is verified as usual", async () => {
    const { key } = await createKey();
    const migrationId = "mig_0000000000000000000000";
    expect(await verify("a_b_c", { migrationId })).toEqual({ valid: false, code: "NOT_FOUND" });
    expect(await verify("a_b_c", { migrationId: "" })).toEqual({ valid: false, code: "NOT_FOUND" });
    expect(await verify(key, { migrationId })).toMatchObject({ code: "VALID" });
  });
});
