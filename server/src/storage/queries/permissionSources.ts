import { isIn, prepared } from "../prepared.ts";
import type { Db } from "../schema.ts";

/**
 * A permission of a key. `role` is the role that gives the permission to the key; undefined if the key has it directly.
 */
export type PermissionSource = { slug: string; role: string | undefined };

/** Lists a key's permissions: first its direct permissions, then those through each role, both sorted by slug. */
export async function listPermissionSources(
  db: Db,
  workspaceId: string,
  keyId: string,
): Promise<PermissionSource[]> {
  const keyIds = [keyId];
  const direct = await selectDirect(db, { workspaceId, keyIds });
  const throughRoles = await selectThroughRoles(db, { workspaceId, keyIds });
  const ofKey = direct.map(({ slug }): PermissionSource => ({ slug, role: undefined }));
  const ofRoles = throughRoles.flatMap(({ slug, role }): PermissionSource[] =>
    slug === null ? [] : [{ slug, role }],
  );
  return [...ofKey.sort(bySlug), ...ofRoles.sort(bySlug)];
}

function bySlug(one: PermissionSource, other: PermissionSource): number {
  return order(one.slug, other.slug) || order(one.role ?? "", other.role ?? "");
}

function order(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

type OfKeys = { workspaceId: string; keyIds: readonly string[] };

/**
 * SQLite keeps the order of cross joins. With an inner join here or in the next query, it would first read all
 * permissions or roles of the workspace.
 */
const selectDirect = prepared((db, { workspaceId, keyIds }: OfKeys) =>
  db
    .selectFrom("keyPermissions")
    .crossJoin("permissions")
    .whereRef("permissions.id", "=", "keyPermissions.permissionId")
    .select(["keyPermissions.keyId", "permissions.id", "permissions.slug"])
    .where("keyPermissions.workspaceId", "=", workspaceId)
    .where("permissions.workspaceId", "=", workspaceId)
    .where(isIn("keyPermissions.keyId", keyIds))
    .compile(),
);

const selectThroughRoles = prepared((db, { workspaceId, keyIds }: OfKeys) =>
  db
    .selectFrom("keyRoles")
    .crossJoin("roles")
    .whereRef("roles.id", "=", "keyRoles.roleId")
    .leftJoin("rolePermissions", (join) =>
      join
        .onRef("rolePermissions.roleId", "=", "roles.id")
        .on("rolePermissions.workspaceId", "=", workspaceId),
    )
    .leftJoin("permissions", (join) =>
      join
        .onRef("permissions.id", "=", "rolePermissions.permissionId")
        .on("permissions.workspaceId", "=", workspaceId),
    )
    .select(["keyRoles.keyId", "roles.id as roleId", "roles.name as role"])
    .select(["permissions.id", "permissions.slug"])
    .where("keyRoles.workspaceId", "=", workspaceId)
    .where("roles.workspaceId", "=", workspaceId)
    .where(isIn("keyRoles.keyId", keyIds))
    .compile(),
);
