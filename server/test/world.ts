import type { Operation } from "../src/operation.ts";
import { insertMigration } from "../src/storage/queries/keys/migrations.ts";
import type { Reply, TestServer } from "./harness.ts";

/** The kinds of records to which a request can refer. */
export type Kind =
  | "apiId"
  | "keyId"
  | "key"
  | "identityId"
  | "externalId"
  | "permissionId"
  | "slug"
  | "roleId"
  | "roleName"
  | "namespaceId"
  | "namespace"
  | "migrationId"
  | "reservationId"
  | "rootKeyId";

/** One record of each kind, all in the same workspace. */
export type World = Record<Kind, string> & { workspaceId: string; rootKey: string };

const kindsByPrefix: Record<string, Kind> = {
  api: "apiId",
  key: "keyId",
  id: "identityId",
  perm: "permissionId",
  role: "roleId",
  rlns: "namespaceId",
  mig: "migrationId",
  hold: "reservationId",
  root: "rootKeyId",
};
const kindsByField: Record<string, Kind> = {
  key: "key",
  identity: "externalId",
  externalId: "externalId",
  permission: "slug",
  permissions: "slug",
  role: "roleName",
  roles: "roleName",
  namespace: "namespace",
};

/** Returns to what kind of record `value` refers in a field of this name, or `undefined` if it refers to no record. */
function kindOf(field: string, value: string): Kind | undefined {
  const prefix = /^([a-z]+)_[0-9A-Za-z]{22}$/.exec(value)?.[1] ?? "";
  return kindsByPrefix[prefix] ?? kindsByField[field];
}

/** Creates one record of each kind through the API. `name` is a part of their names, so that two worlds differ. */
export async function makeWorld(
  server: TestServer,
  name: string,
  owner: { workspaceId: string; rootKey: string } = server,
): Promise<World> {
  const { workspaceId, rootKey } = owner;
  const make: Make = async (operation, body) => dataOf(await server.call(operation, body, { rootKey }));
  const slug = `${name}.read`;
  const roleName = `${name}_role`;
  const externalId = `${name}_user`;
  const { apiId } = await make("apis.createApi", { name: `${name} api` });
  const { permissionId } = await make("permissions.createPermission", { name: `${name} permission`, slug });
  const { roleId } = await make("permissions.createRole", { name: roleName, permissions: [slug] });
  const { identityId } = await make("identities.createIdentity", {
    externalId,
    meta: { of: name },
    ratelimits: [limitNamed("shared")],
    quotas: [{ name: "requests", limit: 100_000, period: "month" }],
  });
  const { keyId, key } = await make("keys.createKey", {
    apiId,
    externalId,
    name: `${name} key`,
    prefix: "prod",
    meta: { of: name },
    roles: [roleName],
    permissions: [slug],
    credits: { remaining: 1_100, refill: { interval: "daily", amount: 1_000 } },
    ratelimits: [limitNamed("requests")],
  });
  const namespace = `${name}.send`;
  const namespaceId = await makeNamespace(server, make, workspaceId, namespace);
  const migrationId = await makeMigration(server, workspaceId);
  const held = await make("credits.reserve", { keyId, amount: 100, ttl: 86_400_000 });
  const reservationId = held.reservation.id;
  const { keyId: rootKeyId } = await make("rootKeys.createKey", { permissions: ["api.*.read_api"] });
  const made = { apiId, keyId, key, identityId, externalId, permissionId, slug, roleId, roleName };
  const further = { namespace, namespaceId, migrationId, reservationId, rootKeyId };
  return { ...made, ...further, workspaceId, rootKey };
}

// biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
type Make = (operation: string, body: unknown) => Promise<any>;

function limitNamed(name: string) {
  return { name, limit: 1_000, duration: 60_000, autoApply: true };
}

async function makeNamespace(server: TestServer, make: Make, workspaceId: string, namespace: string) {
  const counted = { namespace, identifier: "user_123", limit: 100, duration: 60_000 };
  await make("ratelimit.limit", counted);
  await make("ratelimit.setOverride", counted);
  const row = await server.services.engine.db
    .selectFrom("namespaces")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("name", "=", namespace)
    .executeTakeFirstOrThrow();
  return row.id;
}

async function makeMigration(server: TestServer, workspaceId: string): Promise<string> {
  const id = server.services.newId("mig");
  await server.services.engine.transaction((tx) =>
    insertMigration(tx, { id, workspaceId, algorithm: "sha256", nowMs: server.clock.nowMs }),
  );
  return id;
}

// biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
function dataOf(reply: Reply): any {
  if (reply.status !== 200) throw new Error(`the world could not be created: ${reply.text}`);
  return reply.body.data;
}

/** Calls `change` with every text in a body and the name of its field. Returns the changed body. */
function mapTexts(body: unknown, change: (text: string, field: string) => string, field = ""): unknown {
  if (typeof body === "string") return change(body, field);
  if (Array.isArray(body)) return body.map((item) => mapTexts(item, change, field));
  if (typeof body !== "object" || body === null) return body;
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, mapTexts(value, change, name)]),
  );
}

/**
 * Returns an operation's example, with its ids and names replaced by those of records in `world`. If the operation
 * creates an identity, the example's external id stays unchanged.
 */
export function exampleIn(operation: Operation, world: World): unknown {
  const makesIdentity = operation.name === "identities.createIdentity";
  // in these operations, `permissions` are those of root keys, which are not among the records
  const isOfRootKeys = operation.name.startsWith("rootKeys.");
  return mapTexts(operation.example.input, (text, field) => {
    const kind = kindOf(field, text);
    const isKept = (makesIdentity && kind === "externalId") || (isOfRootKeys && kind === "slug");
    return kind === undefined || isKept ? text : world[kind];
  });
}
