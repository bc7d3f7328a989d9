/** Reads the rate limits, permissions and roles of a page of keys in one statement. */
import { sql } from "kysely";
import type { StoredRatelimit } from "../../../domain/ratelimits.ts";
import { isIn, prepared } from "../../prepared.ts";
import type { Db, Flag } from "../../schema.ts";

/**
 * The rate limits, permissions and roles of several keys, by the ids of the keys. `limits` also has the rate limits of
 * the keys' identities, by the ids of the identities.
 */
export type KeyParts = {
  /** rate limits, in the order in which they were set */
  limits: Map<string, StoredRatelimit[]>;
  /** slugs of direct permissions and of those through roles, each once and in byte order */
  permissions: Map<string, string[]>;
  /** names of roles, in byte order */
  roles: Map<string, string[]>;
};

export async function listKeyParts(
  db: Db,
  workspaceId: string,
  rows: readonly { id: string; identityId: string | null }[],
): Promise<KeyParts> {
  const keyIds = rows.map((row) => row.id);
  const owners = new Set(keyIds);
  for (const { identityId } of rows) if (identityId !== null) owners.add(identityId);
  const found =
    keyIds.length === 0 ? [] : await selectParts(db, { workspaceId, keyIds, ownerIds: [...owners] });
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

function namesOf(rows: readonly PartRow[]): string[] {
  return [...new Set(rows.map(({ name }) => name))].sort();
}

function limitOf({ id, name, limit, durationMs, autoApply }: PartRow): StoredRatelimit {
  return { id, name, limit, durationMs, autoApply: autoApply === 1 };
}

/** A rate limit, a permission or a role of a key. The last four columns are null unless it is a rate limit. */
type PartRow = {
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
 * These are cross joins, since SQLite keeps their order. With other joins, it would read all permissions and roles of
 * the workspace first.
 */
const selectParts = prepared((db, { workspaceId, keyIds, ownerIds }: Page) =>
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
