import { hashKey } from "../src/runtime.ts";
import { insertMigration } from "../src/storage/queries/keys/migrations.ts";
import type { TestServer } from "./harness.ts";

/** A key of the old server, from which the tests move to Latchkey. */
export type OldKey = { keyId: string; key: string };

/** An api that was created on the old server, and its keys by their kind, such as `expired`. */
export type OldServer = { apiId: string; keys: Record<string, OldKey> };

const dayMs = 86_400_000;

const limit = (name: string, autoApply = true) => ({ name, limit: 4, duration: 30 * dayMs, autoApply });

/** The kinds of keys: by name, the fields of `keys.createKey` that such a key has. */
const kinds = (nowMs: number): Record<string, object> => ({
  plain: {},
  prefixed: { prefix: "sk_live", name: "Production, one", meta: { plan: "pro", nested: { a: [1, null] } } },
  credits: { credits: { remaining: 12 } },
  daily: { credits: { remaining: 9, refill: { interval: "daily", amount: 7 } } },
  monthly: { credits: { remaining: 9, refill: { interval: "monthly", amount: 500, refillDay: 31 } } },
  spent: { credits: { remaining: 1 } },
  expired: { expires: nowMs - 1_000 },
  expiring: { expires: nowMs + dayMs },
  disabled: { enabled: false, prefix: "off" },
  direct: { permissions: ["documents.read", "documents.write"] },
  byRole: { roles: ["editor"] },
  both: { roles: ["editor", "viewer"], permissions: ["billing.*"] },
  limited: { ratelimits: [limit("requests"), limit("tokens", false)] },
  ofUser: { externalId: "user_1" },
  ofUserToo: { externalId: "user_1", ratelimits: [{ ...limit("shared"), limit: 2 }] },
});

/**
 * Creates a key of each kind through the API, and a key by its hash, as an earlier move would. The latter key has no
 * `start`.
 */
export async function populate(old: TestServer): Promise<OldServer> {
  const data = async (operation: string, body: object) => {
    const reply = await old.call(operation, body);
    if (reply.status !== 200) throw new Error(`${operation}: ${reply.text}`);
    return reply.body.data;
  };
  for (const slug of ["documents.read", "documents.write", "billing.*"]) {
    await data("permissions.createPermission", { name: slug, slug, description: `May ${slug}` });
  }
  for (const [name, permissions] of [
    ["viewer", ["documents.read"]],
    ["editor", ["documents.read", "documents.write"]],
  ] as const) {
    const { roleId } = await data("permissions.createRole", { name });
    await data("permissions.setRolePermissions", { roleId, permissions });
  }
  const { apiId } = await data("apis.createApi", { name: "payments" });
  await data("identities.createIdentity", {
    externalId: "user_1",
    meta: { country: "NZ" },
    ratelimits: [limit("shared")],
  });
  await data("ratelimit.limit", { namespace: "mail", identifier: "x", limit: 1, duration: 60_000 });
  for (const [identifier, most] of [
    ["user_1", 3],
    ["premium_*", 100],
  ] as const) {
    await data("ratelimit.setOverride", { namespace: "mail", identifier, limit: most, duration: 60_000 });
  }
  const keys: Record<string, OldKey> = {};
  for (const [kind, fields] of Object.entries(kinds(old.clock.nowMs))) {
    keys[kind] = await data("keys.createKey", { apiId, ...fields });
  }
  keys["withoutStart"] = await migrated(old, apiId);
  return { apiId, keys };
}

async function migrated(old: TestServer, apiId: string): Promise<OldKey> {
  const { workspaceId, services, clock } = old;
  const id = services.newId("mig");
  await services.engine.transaction((tx) =>
    insertMigration(tx, { id, workspaceId, algorithm: "sha256", nowMs: clock.nowMs }),
  );
  const key = `${id}_from_an_older_system`;
  const hashes = [{ hash: hashKey(key), name: "older" }];
  const { body } = await old.call("keys.migrateKeys", { migrationId: id, apiId, keys: hashes });
  return { key, keyId: body.data.migrated[0].keyId };
}
