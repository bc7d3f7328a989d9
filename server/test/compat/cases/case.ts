import { expect } from "bun:test";
import { insertMigration } from "../../../src/storage/queries/keys/migrations.ts";
import type { TestServer } from "../../harness.ts";
import type { Fields, Input } from "../officialClient.ts";

/**
 * The calls of one operation that the tests make through every official client. The suite adds calls that get a 401,
 * 403, 429 or 500, because these are the same for all operations.
 */
export type Case = {
  operation: string;
  /** calls that succeed */
  succeeds: readonly ((server: TestServer) => Promise<Success>)[];
  /** calls that fail, by status */
  refused: Readonly<Record<number, (server: TestServer) => Input | Promise<Input>>>;
  /** why this server never sends an error for which some client has a class, by status */
  neverSent?: Readonly<Record<number, string>>;
  /**
   * by client, the statuses for which the client throws `generalClass` although it has a class for them, because it
   * expects a content type that this server does not send
   */
  generalFor?: Readonly<Record<string, readonly number[]>>;
  /**
   * members of `data` and fields of the input that only this client supports; the other clients are tested without them
   */
  onlyIn?: { client: string; members: readonly string[]; fields: readonly string[] };
  /** how the list is filled and read, if the operation is a list; this runs on a server of its own */
  list?: List;
};

/** A call that succeeds. `data`: what the client must return. `after`, called after the response, checks the effect. */
export type Success = { input: Input; data?: unknown; after?: () => Promise<void> };

/** A test of a list: `rows` rows are created. Then the list is read once for each size in `pages`. */
export type List = {
  rows: number;
  pages: readonly number[];
  make(server: TestServer, count: number): Promise<Filled>;
};

/**
 * The input that lists exactly the created rows, the field that identifies a row, and its values in the order of the
 * list.
 */
export type Filled = { input: Fields; field: string; values: string[] };

let made = 0;
/** Returns a name that is used nowhere else in this run. */
export function fresh(prefix: string): string {
  made += 1;
  return `${prefix}_${made}`;
}

/** Matches any id with this prefix. */
export const id = (prefix: string) => expect.stringMatching(new RegExp(`^${prefix}_[0-9A-Za-z]{22}$`));

/** Sends a call without a client, expects success, and returns the `data` of the response. */
export async function make(server: TestServer, operation: string, input: Input) {
  const { status, body } = await server.call(operation, input);
  expect({ operation, status }).toEqual({ operation, status: 200 });
  return body.data;
}

/** Creates `count` records. Returns one field of each response, sorted by bytes, as the server sorts ids in lists. */
export async function makeMany(count: number, field: string, makeOne: () => Promise<Record<string, string>>) {
  const rows = await Promise.all(Array.from({ length: count }, makeOne));
  return rows.map((row) => row[field] ?? "").sort();
}

/** Returns an id of the right form that no record has. */
export const nowhere = (prefix: string) => `${prefix}_nowhere0000000000000000`;

export const meta = { plan: "pro", seats: 5, nested: { snake_case: [1, "two", false] } };

export const limits = [
  { name: "requests", limit: 1000, duration: 60_000, autoApply: true },
  { name: "exports", limit: 5, duration: 86_400_000, autoApply: false },
];

export const storedLimits = limits.map((limit) => ({ id: id("rl"), ...limit }));

/** Creates an identity with every field set. Returns its ids, and in `whole` how responses show it. */
export async function makeIdentity(server: TestServer) {
  const externalId = fresh("user");
  const input = { externalId, meta, ratelimits: limits };
  const { identityId } = await make(server, "identities.createIdentity", input);
  return { externalId, identityId, whole: { id: identityId, externalId, meta, ratelimits: storedLimits } };
}

/** Creates a key in a new api. */
export async function makeKey(
  server: TestServer,
  options: Fields = {},
): Promise<{ apiId: string; keyId: string; key: string }> {
  const { apiId } = await make(server, "apis.createApi", { name: "payments" });
  return { apiId, ...(await make(server, "keys.createKey", { apiId, ...options })) };
}

/** Creates a permission. Returns it in the form that responses have. */
export async function makePermission(server: TestServer) {
  const slug = fresh("documents.read");
  const input = { name: "Read documents", slug, description: "All of them." };
  const { permissionId } = await make(server, "permissions.createPermission", input);
  return { id: permissionId as string, ...input };
}

/** Creates a role and two permissions of it. Returns the role in the form that responses have. */
export async function makeRole(server: TestServer) {
  const name = fresh("editor");
  const slugs = [fresh("documents.read"), fresh("documents.write")];
  const input = { name, description: "Reads and writes." };
  const { roleId } = await make(server, "permissions.createRole", { ...input, permissions: slugs });
  return { id: roleId as string, ...input, permissions: slugs.map(shownPermission) };
}

/** Creates a migration, like `latchkey migration create`, and returns its id. */
export async function makeMigration({ services, workspaceId, clock }: TestServer): Promise<string> {
  const algorithm = "sha256";
  const migration = { id: fresh("mig"), workspaceId, algorithm, nowMs: clock.nowMs } as const;
  await services.engine.transaction((tx) => insertMigration(tx, migration));
  return migration.id;
}

/** Returns how responses show a permission that was created by its first use. */
export const shownPermission = (slug: string) => ({ id: id("perm"), name: slug, slug });

/** Returns the slugs of the permissions of a role from `makeRole`. */
export const slugsOf = ({ permissions }: Awaited<ReturnType<typeof makeRole>>) =>
  permissions.map(({ slug }) => slug);

/** Creates a key with every field set. Returns the key with its ids, and how responses show it. */
export async function makeWholeKey(server: TestServer) {
  const { externalId, whole: identity } = await makeIdentity(server);
  const role = await makeRole(server);
  const permission = fresh("billing.read");
  const refill = { interval: "monthly", amount: 100, refillDay: 15 };
  const credits = { remaining: 100, refill };
  const expires = server.clock.nowMs + 86_400_000;
  const own = [{ name: "own", limit: 10, duration: 60_000, autoApply: false }];
  const made = await makeKey(server, {
    prefix: "prod",
    name: "of the mobile app",
    externalId,
    meta,
    roles: [role.name],
    permissions: [permission],
    expires,
    credits,
    ratelimits: own,
  });
  const shown = {
    keyId: made.keyId,
    start: expect.stringMatching(/^prod_/),
    enabled: true,
    createdAt: server.clock.nowMs,
    name: "of the mobile app",
    meta,
    expires,
    permissions: [permission, ...slugsOf(role)].sort(),
    roles: [role.name],
    credits,
    identity,
    ratelimits: [{ id: id("rl"), ...own[0] }],
  };
  return { ...made, shown, role, permission };
}
