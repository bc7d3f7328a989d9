import { inBatches, inByteOrder } from "../batches.ts";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";
import { workspaceOfDeleted } from "./deleted.ts";
import { type PermissionRecord, permissionColumns } from "./permissions.ts";
import { searchedList } from "./searchedList.ts";

/** A role without its permissions, because a role may have many of them. */
export type RoleRow = { id: string; name: string; description: string | null };

/** A role with its permissions, as the operations return it. */
export type RoleRecord = {
  id: string;
  name: string;
  description: string | null;
  permissions: PermissionRecord[];
};

const roleColumns = ["roles.id", "roles.name", "roles.description"] as const;

/** Finds the role whose id or name is `ref`. If two roles match, returns the one whose id is `ref`. */
export async function findRole(db: Db, workspaceId: string, ref: string): Promise<RoleRecord | undefined> {
  const rows = await selectByRef(db, { workspaceId, ref });
  return (await withPermissions(db, workspaceId, rows))[0];
}

/** Like `findRole`, but returns only the role's id. */
export async function findRoleId(db: Db, workspaceId: string, ref: string): Promise<string | undefined> {
  return (await selectByRef(db, { workspaceId, ref }))[0]?.id;
}

const selectByRef = prepared((db, { workspaceId, ref }: { workspaceId: string; ref: string }) =>
  db
    .selectFrom("roles")
    .select(roleColumns)
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", ref), eb("name", "=", ref)]))
    .orderBy((eb) => eb.case().when("id", "=", ref).then(0).else(1).end())
    .limit(1)
    .compile(),
);

/** Like `findRole`, with a row lock until the transaction ends. */
export async function lockRole(tx: Tx, workspaceId: string, ref: string): Promise<RoleRecord | undefined> {
  const [found] = await selectByRef(tx, { workspaceId, ref });
  if (found === undefined) return undefined;
  const rows = await lockRow(tx, { workspaceId, id: found.id });
  return (await withPermissions(tx, workspaceId, rows))[0];
}

const lockRow = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .selectFrom("roles")
    .select(roleColumns)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .forUpdate()
    .compile(),
);

/** Finds the roles that have one of these names, compared byte by byte. Returns them sorted by name in byte order. */
export async function findRolesByName(
  db: Db,
  workspaceId: string,
  names: readonly string[],
): Promise<RoleRow[]> {
  return inBatches(inByteOrder(names), (batch) => selectByNames(db, { workspaceId, names: batch }));
}

const selectByNames = prepared(
  (db, { workspaceId, names }: { workspaceId: string; names: readonly string[] }) =>
    db
      .selectFrom("roles")
      .select(roleColumns)
      .where("workspaceId", "=", workspaceId)
      .where(isIn("name", names))
      .orderBy("name")
      .compile(),
);

/**
 * Lists roles without their permissions, in the order of their creation. `search` looks for a text in their ids, names
 * and descriptions.
 */
export const listRoles = searchedList(withPermissionCount, ["id", "name", "description"]);

function withPermissionCount(db: Db, workspaceId: string) {
  return db
    .selectFrom("roles")
    .select(roleColumns)
    .select((eb) =>
      eb
        .selectFrom("rolePermissions")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .where("rolePermissions.workspaceId", "=", workspaceId)
        .whereRef("rolePermissions.roleId", "=", "roles.id")
        .$asScalar()
        .$notNull()
        .as("permissionCount"),
    )
    .where("workspaceId", "=", workspaceId);
}

/** Adds to each role its permissions, sorted by slug in byte order. The roles keep their order. */
export async function withPermissions(
  db: Db,
  workspaceId: string,
  roles: readonly RoleRow[],
): Promise<RoleRecord[]> {
  const roleIds = roles.map((role) => role.id);
  const rows = await inBatches(roleIds, (batch) => selectOfRoles(db, { workspaceId, roleIds: batch }));
  const byRole = Map.groupBy(rows, (row) => row.roleId);
  return roles.map(({ id, name, description }) => ({
    id,
    name,
    description,
    permissions: (byRole.get(id) ?? []).map(({ roleId: _, ...permission }) => permission),
  }));
}

/** SQLite keeps the order of a cross join. With an inner join, it would first read all permissions of the workspace. */
const selectOfRoles = prepared(
  (db, { workspaceId, roleIds }: { workspaceId: string; roleIds: readonly string[] }) =>
    db
      .selectFrom("rolePermissions")
      .crossJoin("permissions")
      .whereRef("permissions.id", "=", "rolePermissions.permissionId")
      .select(["rolePermissions.roleId", ...permissionColumns])
      .where("rolePermissions.workspaceId", "=", workspaceId)
      .where("permissions.workspaceId", "=", workspaceId)
      .where(isIn("rolePermissions.roleId", roleIds))
      .orderBy("permissions.slug")
      .compile(),
);

/** Inserts a role. If the workspace already has a role with this name, inserts nothing and returns false. */
export async function insertRole(
  tx: Tx,
  workspaceId: string,
  { id, name, description }: RoleRow,
  nowMs: number,
): Promise<boolean> {
  const row = { id, workspaceId, name, description, createdAtMs: nowMs };
  return (await insertUnlessTaken(tx, { rows: [row] })).length > 0;
}

const insertUnlessTaken = prepared((db, { rows }: { rows: readonly Schema["roles"][] }) =>
  db
    .insertInto("roles")
    .values(rows)
    .onConflict((conflict) => conflict.columns(["workspaceId", "name"]).doNothing())
    .returning("id")
    .compile(),
);

/** Updates a role. If another role of the workspace has the name, changes nothing and returns false. */
export async function setRole(
  tx: Tx,
  workspaceId: string,
  { id, name, description }: RoleRow,
): Promise<boolean> {
  return (await updateUnlessTaken(tx, { workspaceId, id, name, description })).length > 0;
}

const updateUnlessTaken = prepared((db, to: RoleRow & { workspaceId: string }) =>
  db
    .updateTable("roles")
    .set({ name: to.name, description: to.description })
    .where("workspaceId", "=", to.workspaceId)
    .where("id", "=", to.id)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("roles as other")
            .select("other.id")
            .where("other.workspaceId", "=", to.workspaceId)
            .where("other.name", "=", to.name)
            .where("other.id", "!=", to.id),
        ),
      ),
    )
    .returning("id")
    .compile(),
);

/** Takes a role from all keys by changing a single row, as `setPermissionDeleted` does for permissions. */
export async function setRoleDeleted(tx: Tx, workspaceId: string, id: string): Promise<void> {
  await setDeleted(tx, { workspaceId, id });
}

const setDeleted = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .updateTable("roles")
    .set({ workspaceId: workspaceOfDeleted, name: id })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

export async function insertRolePermissions(
  tx: Tx,
  workspaceId: string,
  roleId: string,
  ids: readonly string[],
) {
  const rows = ids.map((permissionId) => ({ workspaceId, roleId, permissionId }));
  await inBatches(rows, (batch) => insertLinks(tx, { rows: batch }));
}

const insertLinks = prepared((db, { rows }: { rows: readonly Schema["rolePermissions"][] }) =>
  db
    .insertInto("rolePermissions")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .compile(),
);

export async function deleteRolePermissions(
  tx: Tx,
  workspaceId: string,
  roleId: string,
  ids: readonly string[],
) {
  await inBatches(ids, (batch) => deleteLinks(tx, { workspaceId, roleId, ids: batch }));
}

type Links = { workspaceId: string; roleId: string; ids: readonly string[] };

const deleteLinks = prepared((db, { workspaceId, roleId, ids }: Links) =>
  db
    .deleteFrom("rolePermissions")
    .where("workspaceId", "=", workspaceId)
    .where("roleId", "=", roleId)
    .where(isIn("permissionId", ids))
    .compile(),
);

/** Lists the roles of a key, sorted by name in byte order. */
export async function listKeyRoles(db: Db, workspaceId: string, keyId: string): Promise<RoleRow[]> {
  return selectOfKey(db, { workspaceId, keyId });
}

/** A cross join, for the same reason as in `selectOfRoles`: SQLite would first read all roles of the workspace. */
const selectOfKey = prepared((db, { workspaceId, keyId }: { workspaceId: string; keyId: string }) =>
  db
    .selectFrom("keyRoles")
    .crossJoin("roles")
    .whereRef("roles.id", "=", "keyRoles.roleId")
    .select(roleColumns)
    .where("keyRoles.workspaceId", "=", workspaceId)
    .where("roles.workspaceId", "=", workspaceId)
    .where("keyRoles.keyId", "=", keyId)
    .orderBy("roles.name")
    .compile(),
);

export async function insertKeyRoles(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  ids: readonly string[],
): Promise<void> {
  await linkKeyRoles(
    tx,
    workspaceId,
    ids.map((roleId) => ({ keyId, roleId })),
  );
}

/** Gives roles to several keys. Use `insertKeyRoles` for a single key. */
export async function linkKeyRoles(
  tx: Tx,
  workspaceId: string,
  links: readonly { keyId: string; roleId: string }[],
): Promise<void> {
  const rows = links.map(({ keyId, roleId }) => ({ workspaceId, keyId, roleId }));
  await inBatches(rows, (batch) => linkKeyRolesRows(tx, { rows: batch }));
}

const linkKeyRolesRows = prepared((db, { rows }: { rows: readonly Schema["keyRoles"][] }) =>
  db
    .insertInto("keyRoles")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .compile(),
);

export async function deleteKeyRoles(tx: Tx, workspaceId: string, keyId: string, ids: readonly string[]) {
  await inBatches(ids, (batch) => deleteKeyLinks(tx, { workspaceId, keyId, ids: batch }));
}

const deleteKeyLinks = prepared(
  (db, { workspaceId, keyId, ids }: { workspaceId: string; keyId: string; ids: readonly string[] }) =>
    db
      .deleteFrom("keyRoles")
      .where("workspaceId", "=", workspaceId)
      .where("keyId", "=", keyId)
      .where(isIn("roleId", ids))
      .compile(),
);
