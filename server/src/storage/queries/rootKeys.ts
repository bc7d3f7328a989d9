import type { Caller } from "../../domain/caller.ts";
import { parsePermission } from "../../domain/permissionUrns.ts";
import { isIn, prepared } from "../prepared.ts";
import type { Db, Flag, Schema, Tx } from "../schema.ts";
import { contains } from "./search.ts";

/** A root key with what authentication needs to know about it. */
export type RootKeyRecord = {
  caller: Caller;
  enabled: boolean;
  workspaceEnabled: boolean;
  expiresAtMs: number | undefined;
};

export async function findRootKeyByHash(db: Db, hash: string): Promise<RootKeyRecord | undefined> {
  const [row] = await selectByHash(db, { hash });
  return row && rootKeyRecord(row);
}

const selectByHash = prepared((db, { hash }: { hash: string }) =>
  rootKeyRows(db).where("rootKeys.hash", "=", hash).compile(),
);

/** Selects root keys with the columns that `rootKeyRecord` needs. */
export function rootKeyRows(db: Db) {
  return db
    .selectFrom("rootKeys")
    .innerJoin("workspaces", "workspaces.id", "rootKeys.workspaceId")
    .select(["rootKeys.id", "rootKeys.workspaceId", "rootKeys.permissions", "rootKeys.grants"])
    .select(["rootKeys.enabled", "rootKeys.expiresAtMs", "workspaces.enabled as workspaceEnabled"]);
}

type RootKeyRow = Awaited<ReturnType<ReturnType<typeof rootKeyRows>["execute"]>>[number];

export function rootKeyRecord(row: RootKeyRow): RootKeyRecord {
  return {
    caller: {
      workspaceId: row.workspaceId,
      rootKeyId: row.id,
      permissions: new Set(plainPermissionsOf(row)),
    },
    enabled: row.enabled === 1,
    workspaceEnabled: row.workspaceEnabled === 1,
    expiresAtMs: row.expiresAtMs ?? undefined,
  };
}

type StoredPermissions = Pick<Schema["rootKeys"], "workspaceId" | "permissions" | "grants">;

/**
 * Returns the plain permissions of a root key, such as `api.*.verify_key`. Replaces each URN by the plain permissions
 * that the URN stands for.
 */
function plainPermissionsOf({ workspaceId, permissions, grants }: StoredPermissions): string[] {
  if (grants !== null) return parsePermissions(grants);
  return parsePermissions(permissions).flatMap((one) => {
    const parsed = parsePermission(one, workspaceId, new Map());
    return "permissions" in parsed ? parsed.permissions : [];
  });
}

/** Parses stored permissions. Omits damaged permissions, so these allow nothing. */
function parsePermissions(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export type NewRootKey = {
  id: string;
  workspaceId: string;
  hash: string;
  start: string;
  end: string;
  name: string | undefined;
  permissions: readonly string[];
  /** the plain permissions that `permissions` stand for; omitted if `permissions` has no URNs */
  plainPermissions?: readonly string[];
  expiresAtMs: number | undefined;
  nowMs: number;
};

export async function insertRootKey(tx: Tx, key: NewRootKey): Promise<void> {
  const row = {
    id: key.id,
    workspaceId: key.workspaceId,
    hash: key.hash,
    start: key.start,
    end: key.end,
    name: key.name ?? null,
    permissions: asList(key.permissions),
    grants: key.plainPermissions === undefined ? null : asList(key.plainPermissions),
    enabled: 1 as const,
    expiresAtMs: key.expiresAtMs ?? null,
    createdAtMs: key.nowMs,
    rerolledAtMs: null,
    expiresBeforeRerollMs: null,
  };
  await insertRows(tx, { rows: [row] });
}

function asList(permissions: readonly string[]): string {
  return JSON.stringify([...new Set(permissions)]);
}

const insertRows = prepared((db, { rows }: { rows: readonly Schema["rootKeys"][] }) =>
  db.insertInto("rootKeys").values(rows).compile(),
);

/**
 * Finds the root key with which the console's login link signs in: the oldest enabled root key that has all permissions
 * and has not expired. Returns `undefined` if there is no such key, or if the database has more than one workspace.
 */
export async function findLoginRootKey(db: Db, nowMs: number): Promise<RootKeyRecord | undefined> {
  const workspaces = await db.selectFrom("workspaces").select("id").limit(2).execute();
  if (workspaces.length !== 1) return undefined;
  const rows = await rootKeyRows(db)
    .where("rootKeys.enabled", "=", 1)
    .where((eb) => eb.or([eb("rootKeys.expiresAtMs", "is", null), eb("rootKeys.expiresAtMs", ">=", nowMs)]))
    .orderBy("rootKeys.id")
    .execute();
  return rows.map(rootKeyRecord).find(({ caller }) => caller.permissions.has("*"));
}

/** A root key as the operations of root keys return it. The key itself is not stored, only its hash. */
export type StoredRootKey = {
  id: string;
  name: string | undefined;
  start: string;
  end: string;
  /** the permissions as the caller sent them, which may be URNs */
  permissions: readonly string[];
  /** the plain permissions that `permissions` stand for */
  plainPermissions: readonly string[];
  enabled: boolean;
  createdAtMs: number;
  expiresAtMs: number | undefined;
  /** the time of the last reroll; `expiresBeforeRerollMs` is the expiry before the first reroll */
  rerolledAtMs: number | undefined;
  expiresBeforeRerollMs: number | undefined;
};

function ofWorkspace(db: Db, workspaceId: string) {
  return db
    .selectFrom("rootKeys")
    .select(["id", "name", "start", "end", "permissions", "enabled", "createdAtMs", "expiresAtMs"])
    .select(["workspaceId", "grants", "rerolledAtMs", "expiresBeforeRerollMs"])
    .where("workspaceId", "=", workspaceId);
}

type StoredRow = Awaited<ReturnType<ReturnType<typeof ofWorkspace>["execute"]>>[number];

function storedRootKey(row: StoredRow): StoredRootKey {
  return {
    id: row.id,
    name: row.name ?? undefined,
    start: row.start,
    end: row.end,
    permissions: parsePermissions(row.permissions),
    plainPermissions: plainPermissionsOf(row),
    enabled: row.enabled === 1,
    createdAtMs: row.createdAtMs,
    expiresAtMs: row.expiresAtMs ?? undefined,
    rerolledAtMs: row.rerolledAtMs ?? undefined,
    expiresBeforeRerollMs: row.expiresBeforeRerollMs ?? undefined,
  };
}

export async function findRootKey(
  db: Db,
  workspaceId: string,
  id: string,
): Promise<StoredRootKey | undefined> {
  const [row] = await selectById(db, { workspaceId, id });
  return row && storedRootKey(row);
}

type OfId = { workspaceId: string; id: string };

const selectById = prepared((db, { workspaceId, id }: OfId) =>
  ofWorkspace(db, workspaceId).where("id", "=", id).compile(),
);

type Page = {
  /** only root keys whose id is greater than this, in byte order */
  afterId: string | undefined;
  limit: number;
  /** only root keys with these ids; undefined: all root keys */
  onlyIds: readonly string[] | undefined;
};

/** Lists root keys in the order of their creation. */
export async function listRootKeys(db: Db, workspaceId: string, page: Page): Promise<StoredRootKey[]> {
  const { afterId, limit, onlyIds } = page;
  return (await selectPage(db, { workspaceId, afterId, limit, onlyIds })).map(storedRootKey);
}

const selectPage = prepared(
  (db, { workspaceId, afterId, limit, onlyIds }: Page & { workspaceId: string }) => {
    let query = ofWorkspace(db, workspaceId).orderBy("id").limit(limit);
    if (afterId !== undefined) query = query.where("id", ">", afterId);
    if (onlyIds !== undefined) query = query.where(isIn("id", onlyIds));
    return query.compile();
  },
);

/**
 * Returns whether the workspace has another root key than `id` that is enabled, has all permissions and has not
 * expired.
 */
export async function hasOtherOwnersRootKey(
  db: Db,
  workspaceId: string,
  id: string,
  nowMs: number,
): Promise<boolean> {
  return (await selectOwners(db, { workspaceId, id, nowMs, pattern: '%"*"%' })).length > 0;
}

const selectOwners = prepared(
  (db, { workspaceId, id, nowMs, pattern }: OfId & { nowMs: number; pattern: string }) =>
    db
      .selectFrom("rootKeys")
      .select("id")
      .where("workspaceId", "=", workspaceId)
      .where("id", "!=", id)
      .where("enabled", "=", 1)
      .where((eb) => eb.or([eb("expiresAtMs", "is", null), eb("expiresAtMs", ">=", nowMs)]))
      .where(contains("permissions", pattern))
      .limit(1)
      .compile(),
);

/** New values of a root key. Values that are `undefined` stay unchanged. */
export type RootKeyChange = {
  name: string | null | undefined;
  enabled: boolean | undefined;
  permissions: readonly string[] | undefined;
  /** the plain permissions that `permissions` stand for */
  plainPermissions: readonly string[] | undefined;
};

export async function setRootKey(
  tx: Tx,
  workspaceId: string,
  id: string,
  { name, enabled, permissions, plainPermissions }: RootKeyChange,
): Promise<void> {
  const flag = enabled === undefined ? undefined : enabled ? (1 as const) : (0 as const);
  const lists = {
    permissions: permissions && asList(permissions),
    grants: plainPermissions && asList(plainPermissions),
  };
  await updateRow(tx, { workspaceId, id, name, enabled: flag, ...lists });
}

type ChangedColumns = {
  name: string | null | undefined;
  enabled: Flag | undefined;
  permissions: string | undefined;
  grants: string | undefined;
};

const updateRow = prepared((db, { workspaceId, id, ...change }: OfId & ChangedColumns) =>
  db
    .updateTable("rootKeys")
    .set(change)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .compile(),
);

/**
 * Stores that a root key was rerolled: it now expires at `expiresAtMs`. `expiresBeforeRerollMs` is the root key's
 * expiry before its first reroll.
 */
export async function setRootKeyRerolled(
  tx: Tx,
  workspaceId: string,
  id: string,
  {
    nowMs,
    expiresAtMs,
    expiresBeforeRerollMs,
  }: { nowMs: number; expiresAtMs: number; expiresBeforeRerollMs: number | undefined },
): Promise<void> {
  await updateRerolled(tx, {
    workspaceId,
    id,
    nowMs,
    expiresAtMs,
    expiresBeforeRerollMs: expiresBeforeRerollMs ?? null,
  });
}

type Rerolled = OfId & { nowMs: number; expiresAtMs: number; expiresBeforeRerollMs: number | null };

const updateRerolled = prepared(
  (db, { workspaceId, id, nowMs, expiresAtMs, expiresBeforeRerollMs }: Rerolled) =>
    db
      .updateTable("rootKeys")
      .set({ rerolledAtMs: nowMs, expiresAtMs, expiresBeforeRerollMs })
      .where("workspaceId", "=", workspaceId)
      .where("id", "=", id)
      .compile(),
);

/** Deletes a root key, and stores its hash as that of a revoked root key. Returns false if the key does not exist. */
export async function revokeRootKey(tx: Tx, id: string, nowMs: number): Promise<boolean> {
  const [row] = await deleteRow(tx, { id });
  if (row === undefined) return false;
  await insertRevoked(tx, { hash: row.hash, id, revokedAtMs: nowMs });
  return true;
}

const deleteRow = prepared((db, { id }: { id: string }) =>
  db.deleteFrom("rootKeys").where("id", "=", id).returning("hash").compile(),
);

const insertRevoked = prepared((db, row: Schema["revokedRootKeys"]) =>
  db.insertInto("revokedRootKeys").values(row).compile(),
);

/** Finds a revoked root key by its hash or its id. */
export async function findRevokedRootKey(
  db: Db,
  by: "hash" | "id",
  value: string,
): Promise<{ id: string; revokedAtMs: number } | undefined> {
  return (await (by === "hash" ? selectRevokedByHash : selectRevokedById)(db, { value }))[0];
}

const selectRevokedByHash = prepared((db, { value }: { value: string }) =>
  selectRevoked(db).where("hash", "=", value).compile(),
);
const selectRevokedById = prepared((db, { value }: { value: string }) =>
  selectRevoked(db).where("id", "=", value).compile(),
);

function selectRevoked(db: Db) {
  return db.selectFrom("revokedRootKeys").select(["id", "revokedAtMs"]);
}
