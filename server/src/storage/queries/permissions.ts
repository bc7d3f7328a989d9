import { inBatches, inByteOrder } from "../batches.ts";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Schema, Tx } from "../schema.ts";
import { workspaceOfDeleted } from "./deleted.ts";
import { searchedList } from "./searchedList.ts";

/** A permission as the operations return it. */
export type PermissionRecord = { id: string; name: string; slug: string; description: string | null };

/** The columns of a permission, with the name of the table, so that a query with joins can select them. */
export const permissionColumns = [
  "permissions.id",
  "permissions.name",
  "permissions.slug",
  "permissions.description",
] as const;

/** Finds the permission whose id or slug is `ref`. If two permissions match, returns the one whose id is `ref`. */
export async function findPermission(
  db: Db,
  workspaceId: string,
  ref: string,
): Promise<PermissionRecord | undefined> {
  return (await selectByRef(db, { workspaceId, ref }))[0];
}

const selectByRef = prepared((db, { workspaceId, ref }: { workspaceId: string; ref: string }) =>
  db
    .selectFrom("permissions")
    .select(permissionColumns)
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", ref), eb("slug", "=", ref)]))
    .orderBy((eb) => eb.case().when("id", "=", ref).then(0).else(1).end())
    .limit(1)
    .compile(),
);

/** Like `findPermission`, with a row lock until the transaction ends. */
export async function lockPermission(
  tx: Tx,
  workspaceId: string,
  ref: string,
): Promise<PermissionRecord | undefined> {
  const found = await findPermission(tx, workspaceId, ref);
  return found && (await lockRow(tx, { workspaceId, id: found.id }))[0];
}

const lockRow = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .selectFrom("permissions")
    .select(permissionColumns)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .forUpdate()
    .compile(),
);

/** Finds the permissions that have one of these slugs, sorted by slug in byte order. */
export async function findPermissionsBySlug(
  db: Db,
  workspaceId: string,
  slugs: readonly string[],
): Promise<PermissionRecord[]> {
  return inBatches(inByteOrder(slugs), (batch) => selectBySlugs(db, { workspaceId, slugs: batch }));
}

const selectBySlugs = prepared(
  (db, { workspaceId, slugs }: { workspaceId: string; slugs: readonly string[] }) =>
    db
      .selectFrom("permissions")
      .select(permissionColumns)
      .where("workspaceId", "=", workspaceId)
      .where(isIn("slug", slugs))
      .orderBy("slug")
      .compile(),
);

/**
 * Lists permissions in the order of their creation. `search` looks for a text in their ids, names, slugs and
 * descriptions.
 */
export const listPermissions = searchedList(ofWorkspace, ["id", "name", "slug", "description"]);

function ofWorkspace(db: Db, workspaceId: string) {
  return db.selectFrom("permissions").select(permissionColumns).where("workspaceId", "=", workspaceId);
}

/**
 * Inserts a permission. If the workspace already has a permission with this slug, inserts nothing and returns false.
 */
export async function insertPermission(
  tx: Tx,
  workspaceId: string,
  permission: PermissionRecord,
  nowMs: number,
): Promise<boolean> {
  const { id, name, slug, description } = permission;
  const row = { id, workspaceId, slug, name, description, createdAtMs: nowMs };
  return (await insertUnlessTaken(tx, { rows: [row] })).length > 0;
}

const insertUnlessTaken = prepared((db, { rows }: { rows: readonly Schema["permissions"][] }) =>
  db
    .insertInto("permissions")
    .values(rows)
    .onConflict((conflict) => conflict.columns(["workspaceId", "slug"]).doNothing())
    .returning("id")
    .compile(),
);

/**
 * Returns the permissions with these slugs, sorted by slug in byte order. Creates those that do not exist, with the
 * slug as their name.
 */
export async function claimPermissions(
  tx: Tx,
  workspaceId: string,
  slugs: readonly string[],
  creation: { newId: () => string; nowMs: number },
): Promise<{ permissions: PermissionRecord[]; createdIds: string[] }> {
  const rows = inByteOrder(slugs).map((slug) => ({
    id: creation.newId(),
    workspaceId,
    slug,
    name: slug,
    description: null,
    createdAtMs: creation.nowMs,
  }));
  const created = await inBatches(rows, (batch) => insertUnlessTaken(tx, { rows: batch }));
  const permissions = await findPermissionsBySlug(tx, workspaceId, slugs);
  return { permissions, createdIds: created.map((row) => row.id) };
}

/** Updates a permission. If another permission of the workspace has the slug, changes nothing and returns false. */
export async function setPermission(tx: Tx, workspaceId: string, to: PermissionRecord): Promise<boolean> {
  const { id, name, slug, description } = to;
  return (await updateUnlessTaken(tx, { workspaceId, id, name, slug, description })).length > 0;
}

const updateUnlessTaken = prepared((db, to: PermissionRecord & { workspaceId: string }) =>
  db
    .updateTable("permissions")
    .set({ name: to.name, slug: to.slug, description: to.description })
    .where("workspaceId", "=", to.workspaceId)
    .where("id", "=", to.id)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("permissions as other")
            .select("other.id")
            .where("other.workspaceId", "=", to.workspaceId)
            .where("other.slug", "=", to.slug)
            .where("other.id", "!=", to.id),
        ),
      ),
    )
    .returning("id")
    .compile(),
);

/**
 * Takes a permission from all keys and roles by changing a single row, however many keys and roles have it: moves the
 * permission out of its workspace, so that no query finds it. The clean-up deletes the rows later: see
 * `purgeDeletedPermission`.
 */
export async function setPermissionDeleted(tx: Tx, workspaceId: string, id: string): Promise<void> {
  await setDeleted(tx, { workspaceId, id });
}

const setDeleted = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .updateTable("permissions")
    .set({ workspaceId: workspaceOfDeleted, slug: id })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/** Lists the direct permissions of a key, sorted by slug in byte order. */
export async function listKeyPermissions(
  db: Db,
  workspaceId: string,
  keyId: string,
): Promise<PermissionRecord[]> {
  return selectOfKey(db, { workspaceId, keyId });
}

/** SQLite keeps the order of a cross join. With an inner join, it would first read all permissions of the workspace. */
const selectOfKey = prepared((db, { workspaceId, keyId }: { workspaceId: string; keyId: string }) =>
  db
    .selectFrom("keyPermissions")
    .crossJoin("permissions")
    .whereRef("permissions.id", "=", "keyPermissions.permissionId")
    .select(permissionColumns)
    .where("keyPermissions.workspaceId", "=", workspaceId)
    .where("permissions.workspaceId", "=", workspaceId)
    .where("keyPermissions.keyId", "=", keyId)
    .orderBy("permissions.slug")
    .compile(),
);

export async function insertKeyPermissions(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  ids: readonly string[],
): Promise<void> {
  await linkKeyPermissions(
    tx,
    workspaceId,
    ids.map((permissionId) => ({ keyId, permissionId })),
  );
}

/** Gives permissions directly to several keys. Use `insertKeyPermissions` for a single key. */
export async function linkKeyPermissions(
  tx: Tx,
  workspaceId: string,
  links: readonly { keyId: string; permissionId: string }[],
): Promise<void> {
  const rows = links.map(({ keyId, permissionId }) => ({ workspaceId, keyId, permissionId }));
  await inBatches(rows, (batch) => linkKeyPermissionsRows(tx, { rows: batch }));
}

const linkKeyPermissionsRows = prepared((db, { rows }: { rows: readonly Schema["keyPermissions"][] }) =>
  db
    .insertInto("keyPermissions")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .compile(),
);

export async function deleteKeyPermissions(
  tx: Tx,
  workspaceId: string,
  keyId: string,
  ids: readonly string[],
) {
  await inBatches(ids, (batch) => deleteLinks(tx, { workspaceId, keyId, ids: batch }));
}

type Links = { workspaceId: string; keyId: string; ids: readonly string[] };

const deleteLinks = prepared((db, { workspaceId, keyId, ids }: Links) =>
  db
    .deleteFrom("keyPermissions")
    .where("workspaceId", "=", workspaceId)
    .where("keyId", "=", keyId)
    .where(isIn("permissionId", ids))
    .compile(),
);
