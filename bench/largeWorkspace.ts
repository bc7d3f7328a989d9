import { Database } from "bun:sqlite";
import { idMaker } from "../server/src/domain/ids.ts";
import { randomBytes } from "../server/src/runtime.ts";

/** How many records of each kind the workspace has. */
const counts = {
  apis: 20,
  namespaces: 1_000,
  overrides: 10_000,
  permissions: 10_000,
  roles: 1_000,
  rootKeys: 1_000,
  identities: 100_000,
  keys: 1_000_000,
} as const;

/** One in this many keys is "rare": disabled, and with a name, a role and a permission that only rare keys have. */
const rareEvery = 50_000;
const dayMs = 86_400_000;
const newId = idMaker(randomBytes);

type Value = string | number | null;
type Row = Record<string, Value>;

/**
 * Fills the tables of a database that has one workspace: among other records, a million keys and a million
 * audit events.
 */
export function fillRecords(path: string, nowMs: number): void {
  const database = new Database(path);
  database.run("pragma synchronous = off");
  const [workspace] = database.query<{ id: string }, []>(`select "id" from "workspaces"`).all();
  const workspaceId = workspace?.id ?? "";
  const insert = (table: string, rows: Iterable<Row>): string[] => insertRows(database, table, rows);
  /** rows whose creation times are spread evenly over the last year */
  function* made(count: number, prefix: Parameters<typeof newId>[0], row: (index: number) => Row) {
    for (let index = 0; index < count; index += 1) {
      const createdAtMs = nowMs - 365 * dayMs + Math.floor((index * 364 * dayMs) / count);
      yield { id: newId(prefix, createdAtMs), workspaceId, createdAtMs, ...row(index) };
    }
  }
  const named = (name: string) => (index: number) => ({ name: `${name} ${index}` });
  const apis = insert("apis", made(counts.apis, "api", named("api")));
  const [namespaceId = ""] = insert("namespaces", made(counts.namespaces, "rlns", named("namespace")));
  const override = { namespaceId, limit: 10, durationMs: 60_000 };
  const overridden = (index: number) => ({ ...override, identifier: `user_${index}` });
  insert("overrides", made(counts.overrides, "rlor", overridden));
  const slugged = (index: number) => ({ slug: `file${index}.read`, name: `read ${index}` });
  const permissions = insert("permissions", made(counts.permissions, "perm", slugged));
  const roles = insert("roles", made(counts.roles, "role", named("role")));
  const ofRole = permissions.map((permissionId, index) => ({ roleId: at(roles, index), permissionId }));
  insert(
    "rolePermissions",
    ofRole.map((row) => ({ workspaceId, ...row })),
  );
  const rootKey = { start: "latchkey_root_", permissions: '["api.*.read_api"]', enabled: 1 };
  insert(
    "rootKeys",
    made(counts.rootKeys, "root", (index) => ({ ...rootKey, hash: `root ${index}` })),
  );
  const known = (index: number) => ({ externalId: `user_${index}`, meta: '{"plan":"pro"}' });
  const identities = insert("identities", made(counts.identities, "id", known));
  const limit = { position: 0, name: "requests", limit: 1_000_000, durationMs: 60_000, autoApply: 1 };
  const limits = identities.map((ownerId) => ({ id: newId("rl", nowMs), workspaceId, ownerId, ...limit }));
  insert("ratelimits", limits);
  const keyRows = made(counts.keys, "key", (index) => keyFields(index, apis, identities, nowMs));
  const keys = insert("keys", withSubject(keyRows));
  const linked = keys.filter((_, index) => index % 10 === 0);
  const rare = (index: number) => ((index * 10) % rareEvery === 0 ? 1 : 0);
  insert(
    "keyRoles",
    linked.map((keyId, index) => ({ workspaceId, keyId, roleId: at(roles, rare(index)) })),
  );
  const direct = (keyId: string, index: number) => ({ keyId, permissionId: at(permissions, rare(index)) });
  insert(
    "keyPermissions",
    linked.map((keyId, index) => ({ workspaceId, ...direct(keyId, index) })),
  );
  insert("auditEvents", auditEvents(workspaceId, keys, nowMs));
  database.run("pragma wal_checkpoint(truncate)");
  database.close();
}

function insertRows(database: Database, table: string, rows: Iterable<Row>): string[] {
  const ids: string[] = [];
  database.transaction(() => {
    let insert: ((row: Row) => void) | undefined;
    for (const row of rows) {
      insert ??= inserterOf(database, table, Object.keys(row));
      insert(row);
      ids.push(String(row["id"]));
    }
  })();
  return ids;
}

function inserterOf(database: Database, table: string, names: readonly string[]) {
  const columns = names.map((name) => `"${name}"`).join(", ");
  const places = names.map(() => "?").join(", ");
  const statement = database.query<never, Value[]>(`insert into "${table}" (${columns}) values (${places})`);
  return (row: Row) => void statement.run(...Object.values(row));
}

function at(ids: readonly string[], index: number): string {
  return ids[index % ids.length] ?? "";
}

function keyFields(
  index: number,
  apis: readonly string[],
  identities: readonly string[],
  nowMs: number,
): Row {
  const isRare = index % rareEvery === 0;
  return {
    apiId: at(apis, index),
    identityId: at(identities, Math.floor(index / 10)),
    hash: `hash ${index}`,
    start: `prod_${index.toString(36)}`,
    byteLength: 16,
    name: `${isRare ? "rare" : "key"} ${index}`,
    enabled: isRare ? 0 : 1,
    expiresAtMs: index % 4 === 0 ? nowMs + dayMs + index * 60_000 : null,
  };
}

function* withSubject(rows: Iterable<Row>): Generator<Row> {
  for (const row of rows) yield { ...row, subjectId: row["id"] ?? null };
}

function* auditEvents(workspaceId: string, keys: readonly string[], nowMs: number): Generator<Row> {
  const event = { workspaceId, actorId: "root_seeding", event: "key.create", fields: "[]" };
  for (const [index, targetId] of keys.entries()) {
    const atMs = nowMs - dayMs + Math.floor((index * dayMs) / keys.length);
    yield { id: newId("log", atMs), atMs, requestId: newId("req", atMs), targetId, ...event };
  }
}
