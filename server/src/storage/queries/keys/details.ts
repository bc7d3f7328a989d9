/** Reads the rate limits, permissions and roles of a page of keys with one statement. */
import { sql } from "kysely";
import type { StoredRatelimit } from "../../../domain/ratelimits.ts";
import { isIn, prepared } from "../../prepared.ts";
import type { Db, Flag } from "../../schema.ts";

/**
 * The rate limits, permissions and roles of several keys, by the id of the key. `limits` also has the rate limits of
 * the keys' identities, by the id of the identity.
 */
export type DetailsByKey = {
  /** rate limits, in the order in which they were set */
  limits: Map<string, StoredRatelimit[]>;
  /** slugs of the permissions, direct and through roles, each once and in byte order */
  permissions: Map<string, string[]>;
  /** names of roles, in byte order */
  roles: Map<string, string[]>;
};

export async function listKeyDetails(
  db: Db,
  workspaceId: string,
  rows: readonly { id: string; identityId: string | null }[],
): Promise<DetailsByKey> {
  const keyIds = rows.map((row) => row.id);
  const owners = new Set(keyIds);
  for (const { identityId } of rows) if (identityId !== null) owners.add(identityId);
  const found =
    keyIds.length === 0 ? [] : await selectDetails(db, { workspaceId, keyIds, ownerIds: [...owners] });
  const of = (kind: string) =>
    Map.groupBy(
      found.filter((row) => row.kind === kind),
      (row) => row.ownerId,
    );
  return {
    limits: mapped(of("limit"), (limits) =>
      limits.sort((one, other) => one.position - other.position).map(limitOf),
    ),
    permissions: mapped(of("permission"), namesOf),
    roles: mapped(of("role"), namesOf),
  };
}

function mapped<A, B>(map: ReadonlyMap<string, A>, change: (value: A) => B): Map<string, B> {
  return new Map([...map].map(([name, value]) => [name, change(value)]));
}

function namesOf(rows: readonly DetailRow[]): string[] {
  return [...new Set(rows.map(({ name }) => name))].sort();
}

function limitOf({ id, name, limit, durationMs, autoApply }: DetailRow): StoredRatelimit {
  return { id, name, limit, durationMs, autoApply: autoApply === 1 };
}

/**
 * A rate limit, a permission or a role of a key. Only a rate limit has the last four columns; otherwise they are null.
 */
type DetailRow = {
  kind: string;
  ownerId: string;
  id: string;
  name: string;
  position: number;
  limit: number;
  durationMs: number;
  autoApply: Flag;
};

type Page = { workspaceId: string; keyIds: readonly string[]; ownerIds: readonly string[] };

/**
 * SQLite keeps the order of cross joins. With inner joins, it would first read all permissions and roles of the
 * workspace.
 */
const selectDetails = prepared((db, { workspaceId, keyIds, ownerIds }: Page) =>
  db
    .selectFrom("ratelimits")
    .select([sql<string>`'limit'`.as("kind"), "ownerId", "id", "name"])
    .select(["position", "limit", "durationMs", "autoApply"])
    .where("workspaceId", "=", workspaceId)
    .where(isIn("ownerId", ownerIds))
    .unionAll(
      db
        .selectFrom("keyPermissions")
        .crossJoin("permissions")
        .whereRef("permissions.id", "=", "keyPermissions.permissionId")
        .select([sql<string>`'permission'`.as("kind"), "keyPermissions.keyId as ownerId"])
        .select(["permissions.id", "permissions.slug as name", ...notOfLimits])
        .where("keyPermissions.workspaceId", "=", workspaceId)
        .where("permissions.workspaceId", "=", workspaceId)
        .where(isIn("keyPermissions.keyId", keyIds)),
    )
    .unionAll(
      db
        .selectFrom("keyRoles")
        .crossJoin("roles")
        .whereRef("roles.id", "=", "keyRoles.roleId")
        .select([sql<string>`'role'`.as("kind"), "keyRoles.keyId as ownerId"])
        .select(["roles.id", "roles.name", ...notOfLimits])
        .where("keyRoles.workspaceId", "=", workspaceId)
        .where("roles.workspaceId", "=", workspaceId)
        .where(isIn("keyRoles.keyId", keyIds)),
    )
    .unionAll(
      db
        .selectFrom("keyRoles")
        .crossJoin("roles")
        .whereRef("roles.id", "=", "keyRoles.roleId")
        .crossJoin("rolePermissions")
        .whereRef("rolePermissions.roleId", "=", "roles.id")
        .crossJoin("permissions")
        .whereRef("permissions.id", "=", "rolePermissions.permissionId")
        .select([sql<string>`'permission'`.as("kind"), "keyRoles.keyId as ownerId"])
        .select(["permissions.id", "permissions.slug as name", ...notOfLimits])
        .where("keyRoles.workspaceId", "=", workspaceId)
        .where("roles.workspaceId", "=", workspaceId)
        .where("rolePermissions.workspaceId", "=", workspaceId)
        .where("permissions.workspaceId", "=", workspaceId)
        .where(isIn("keyRoles.keyId", keyIds)),
    )
    .compile(),
);

const notOfLimits = [
  sql<number>`null`.as("position"),
  sql<number>`null`.as("limit"),
  sql<number>`null`.as("durationMs"),
  sql<Flag>`null`.as("autoApply"),
] as const;
