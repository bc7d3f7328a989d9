import { beforeEach, describe, expect, test } from "bun:test";
import { engines } from "../../../test/harness.ts";
import { testServer, testWorkspace } from "../../../test/setUp.ts";
import { exampleIn, makeWorld, type World } from "../../../test/world.ts";
import { isWrite } from "../../run.ts";
import { operations } from "../index.ts";

type Verdict = Record<string, unknown>;
/** A change. After its response, every verdict on the key has the members `shows` and lacks the members `hides`. */
type Change = { operation: string; body: (world: World) => object; shows: Verdict; hides?: string[] };

const key = (more: object) => (world: World) => ({ keyId: world.keyId, ...more });
const limit = (name: string) => ({ name, limit: 7, duration: 60_000, autoApply: true });

const changes: Change[] = [
  { operation: "keys.updateKey", body: key({ enabled: false }), shows: { code: "DISABLED" } },
  { operation: "keys.updateKey", body: key({ expires: 1 }), shows: { code: "EXPIRED" } },
  { operation: "keys.updateKey", body: key({ name: "renamed" }), shows: { name: "renamed" } },
  { operation: "keys.updateKey", body: key({ name: null, meta: null }), shows: {}, hides: ["name", "meta"] },
  { operation: "keys.updateKey", body: key({ meta: { of: "now" } }), shows: { meta: { of: "now" } } },
  { operation: "keys.updateKey", body: key({ externalId: null }), shows: {}, hides: ["identity"] },
  {
    operation: "keys.updateKey",
    body: key({ externalId: "another" }),
    shows: { identity: expect.objectContaining({ externalId: "another" }) },
  },
  { operation: "keys.updateKey", body: key({ credits: null }), shows: {}, hides: ["credits"] },
  {
    operation: "keys.updateKey",
    body: key({ credits: { remaining: 0 } }),
    shows: { code: "USAGE_EXCEEDED", credits: 0 },
  },
  {
    operation: "keys.updateKey",
    body: key({ ratelimits: [limit("new")] }),
    shows: { ratelimits: expect.arrayContaining([expect.objectContaining({ name: "new" })]) },
  },
  {
    operation: "keys.updateKey",
    body: key({ permissions: [], roles: [] }),
    shows: { code: "INSUFFICIENT_PERMISSIONS" },
    hides: ["permissions", "roles"],
  },
  {
    operation: "keys.updateCredits",
    body: key({ operation: "set", value: 0 }),
    shows: { code: "USAGE_EXCEEDED" },
  },
  { operation: "keys.updateCredits", body: key({ operation: "set" }), shows: {}, hides: ["credits"] },
  { operation: "keys.deleteKey", body: key({}), shows: { code: "NOT_FOUND" } },
  { operation: "keys.deleteKey", body: key({ permanent: true }), shows: { code: "NOT_FOUND" } },
  { operation: "keys.rerollKey", body: key({ expiration: 0 }), shows: { code: "EXPIRED" } },
  { operation: "keys.setRoles", body: key({ roles: [] }), shows: { code: "INSUFFICIENT_PERMISSIONS" } },
  {
    operation: "keys.removeRoles",
    body: (world) => ({ keyId: world.keyId, roles: [world.roleName] }),
    shows: { code: "INSUFFICIENT_PERMISSIONS" },
  },
  {
    operation: "keys.addPermissions",
    body: key({ permissions: ["added"] }),
    shows: { permissions: expect.arrayContaining(["added"]) },
  },
  {
    operation: "keys.setPermissions",
    body: key({ permissions: ["only"] }),
    shows: { permissions: expect.arrayContaining(["only"]) },
  },
  {
    operation: "permissions.setRolePermissions",
    body: ({ roleId }) => ({ roleId, permissions: [] }),
    shows: { code: "INSUFFICIENT_PERMISSIONS" },
  },
  {
    operation: "permissions.deleteRole",
    body: ({ roleId }) => ({ role: roleId }),
    shows: { code: "INSUFFICIENT_PERMISSIONS" },
    hides: ["roles"],
  },
  {
    operation: "permissions.deletePermission",
    body: ({ slug }) => ({ permission: slug }),
    shows: { code: "INSUFFICIENT_PERMISSIONS" },
    hides: ["permissions"],
  },
  {
    operation: "identities.updateIdentity",
    body: ({ externalId }) => ({ identity: externalId, meta: { of: "now" } }),
    shows: { identity: expect.objectContaining({ meta: { of: "now" } }) },
  },
  {
    operation: "identities.updateIdentity",
    body: ({ identityId }) => ({ identity: identityId, ratelimits: [limit("new")] }),
    shows: { ratelimits: expect.arrayContaining([expect.objectContaining({ name: "new", limit: 7 })]) },
  },
  {
    operation: "identities.deleteIdentity",
    body: ({ identityId }) => ({ identity: identityId }),
    shows: {},
    hides: ["identity"],
  },
  { operation: "apis.deleteApi", body: ({ apiId }) => ({ apiId }), shows: { code: "NOT_FOUND" } },
];

describe.each(engines)("on $name,", (engine) => {
  const server = testServer({ engine });
  const space = testWorkspace(server);
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(server, "first", { workspaceId: space.id, rootKey: space.rootKey });
    // the key then has the permission that `verify` asks for only through its role
    await space.data("keys.setPermissions", { keyId: world.keyId, permissions: [] });
  });
  const verify = (): Promise<Verdict> =>
    space.data("keys.verifyKey", { key: world.key, permissions: world.slug });

  /** Verifies again and again until it is stopped. */
  function verifyOnAndOn() {
    let isOver = false;
    const workers = Array.from({ length: 3 }, async () => {
      while (!isOver) await verify();
    });
    return async () => {
      isOver = true;
      await Promise.all(workers);
    };
  }

  test.each(changes)(
    "every verification after $operation has returned shows it, whatever was under way: %#",
    async ({ operation, body, shows, hides = [] }) => {
      const stop = verifyOnAndOn();
      for (let i = 0; i < 3; i += 1) expect(await verify()).toMatchObject({ code: "VALID" });
      await space.data(operation, body(world));
      const after = await Promise.all(Array.from({ length: 8 }, verify));
      await stop();
      for (const verdict of [...after, await verify()]) {
        expect(verdict).toMatchObject(shows);
        for (const hidden of hides) expect(verdict).not.toHaveProperty(hidden);
      }
    },
  );

  test("a key that is enabled again, or given its permission back, verifies at once", async () => {
    const { keyId, roleName } = world;
    for (let i = 0; i < 5; i += 1) {
      await space.data("keys.updateKey", { keyId, enabled: false });
      expect(await verify()).toMatchObject({ code: "DISABLED" });
      await space.data("keys.updateKey", { keyId, enabled: true, roles: [] });
      expect(await verify()).toMatchObject({ code: "INSUFFICIENT_PERMISSIONS" });
      await space.data("keys.addRoles", { keyId, roles: [roleName] });
      expect(await verify()).toMatchObject({ code: "VALID" });
    }
  });

  test("of 100 keys deleted while they are verified, none is valid once the call has returned", async () => {
    const { apiId } = world;
    const made = await Promise.all(
      Array.from({ length: 100 }, () => space.data("keys.createKey", { apiId })),
    );
    const verdicts = await Promise.all(
      made.map(async ({ keyId, key: secret }) => {
        const ask = async () => (await space.data("keys.verifyKey", { key: secret })).code as string;
        const early = await ask();
        const [, ...meanwhile] = await Promise.all([space.data("keys.deleteKey", { keyId }), ask(), ask()]);
        return { early, meanwhile, late: await ask() };
      }),
    );
    for (const { early, meanwhile, late } of verdicts) {
      expect([early, late]).toEqual(["VALID", "NOT_FOUND"]);
      for (const code of meanwhile) expect(["VALID", "NOT_FOUND"]).toContain(code);
    }
  });

  test("a new key is valid at once, also for a caller that had tried it before", async () => {
    const { apiId } = world;
    const codes = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const { key: secret } = await space.data("keys.createKey", { apiId });
        const asked = await Promise.all([1, 2].map(() => space.data("keys.verifyKey", { key: secret })));
        return asked.map(({ code }) => code);
      }),
    );
    expect([...new Set(codes.flat())]).toEqual(["VALID"]);
  });

  test("a balance that is shared by a reroll is changed through either key", async () => {
    const reroll = await space.data("keys.rerollKey", { keyId: world.keyId, expiration: 3_600_000 });
    const ask = (secret: string) => space.data("keys.verifyKey", { key: secret });
    for (const keyId of [world.keyId, reroll.keyId]) {
      await space.data("keys.updateCredits", { keyId, operation: "set", value: 2 });
      expect(await ask(world.key)).toMatchObject({ credits: 1 });
      expect(await ask(reroll.key)).toMatchObject({ credits: 0 });
      expect(await ask(world.key)).toMatchObject({ code: "USAGE_EXCEEDED" });
      await space.data("keys.updateCredits", { keyId, operation: "set", value: null });
      for (const secret of [world.key, reroll.key]) expect(await ask(secret)).not.toHaveProperty("credits");
    }
  });

  test("a permission that is removed is missing in the very next verification", async () => {
    const { keyId, key: secret } = world;
    await space.data("keys.addPermissions", { keyId, permissions: ["direct"] });
    const ask = () => space.data("keys.verifyKey", { key: secret, permissions: "direct" });
    expect(await ask()).toMatchObject({ code: "VALID" });
    await space.data("keys.removePermissions", { keyId, permissions: ["direct"] });
    expect(await ask()).toMatchObject({ code: "INSUFFICIENT_PERMISSIONS" });
  });

  test("a key that was unlimited is limited in the very next verification", async () => {
    const { apiId } = world;
    for (const limited of [
      { operation: "keys.updateCredits", change: { operation: "set", value: 0 } },
      { operation: "keys.updateKey", change: { credits: { remaining: 0 } } },
    ]) {
      const { keyId, key: secret } = await space.data("keys.createKey", { apiId });
      const ask = () => space.data("keys.verifyKey", { key: secret });
      expect(await ask()).toMatchObject({ code: "VALID" });
      await space.data(limited.operation, { keyId, ...limited.change });
      expect(await ask()).toMatchObject({ code: "USAGE_EXCEEDED", credits: 0 });
    }
  });

  test("an override applies from the very next count, and so does its deletion", async () => {
    const { namespace } = world;
    const counted = { namespace, identifier: "someone", limit: 100, duration: 60_000 };
    const count = () => space.data("ratelimit.limit", counted);
    expect(await count()).toMatchObject({ success: true, limit: 100 });
    for (let i = 0; i < 5; i += 1) {
      await space.data("ratelimit.setOverride", { ...counted, limit: i });
      expect(await count()).toMatchObject({ limit: i });
      await space.data("ratelimit.deleteOverride", { namespace, identifier: "someone" });
      expect(await count()).toMatchObject({ limit: 100 });
    }
  });

  test("a change to an identity or a role reaches every key that shares it, in the very next verification", async () => {
    const { apiId, externalId, roleName, roleId } = world;
    const made = await Promise.all(
      Array.from({ length: 5 }, () => space.data("keys.createKey", { apiId, externalId, roles: [roleName] })),
    );
    const ask = (permissions: string) =>
      Promise.all(made.map(({ key: secret }) => space.data("keys.verifyKey", { key: secret, permissions })));
    for (let i = 1; i <= 3; i += 1) {
      await space.data("permissions.setRolePermissions", { roleId, permissions: [`granted.${i}`] });
      for (const verdict of await ask(`granted.${i}`)) expect(verdict).toMatchObject({ code: "VALID" });
      await space.data("identities.updateIdentity", { identity: externalId, meta: { version: i } });
      for (const verdict of await ask(`granted.${i}`)) {
        expect(verdict).toMatchObject({ code: "VALID", identity: { meta: { version: i } } });
      }
    }
  });

  const writes = operations.filter(isWrite);

  test.each(writes)("after $name, what is cached is what a fresh look-up finds", async (operation) => {
    const look = async () => {
      const zero = (name: string) => ({ name, cost: 0 });
      const verdict = await space.call("keys.verifyKey", {
        key: world.key,
        credits: { cost: 0 },
        permissions: world.slug,
        ratelimits: [zero("requests"), zero("shared")],
      });
      const { namespace } = world;
      const counted = { namespace, identifier: "user_123", limit: 5, duration: 60_000, cost: 0 };
      const count = await space.call("ratelimit.limit", counted);
      return [verdict, count].map(({ body }) => ({ ...body, meta: undefined }));
    };
    await look();
    await space.data(operation.name, exampleIn(operation, world));
    const cached = await look();
    server.services.caches.clear();
    expect(cached).toEqual(await look());
  });
});
