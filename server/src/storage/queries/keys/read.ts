import type { Credits } from "../../../domain/accounts.ts";
import type { StoredRatelimit } from "../../../domain/ratelimits.ts";
import type { IdentityRecord } from "../../../domain/verification.ts";
import { prepared } from "../../prepared.ts";
import type { Db, Tx } from "../../schema.ts";
import { keyspaceIdOf } from "../apis.ts";
import { balanceColumns, creditsAt } from "../balances.ts";
import { parseIpAllowList } from "../ipAllowLists.ts";
import { parseMeta } from "../meta.ts";
import { listKeyDetails } from "./details.ts";

/** A key as the operations return it. `meta` is parsed JSON. */
export type KeyDetails = {
  id: string;
  workspaceId: string;
  apiId: string;
  keyspaceId: string;
  /** the name of the key's account and of its counters */
  subjectId: string;
  identityId: string | undefined;
  start: string;
  prefix: string | undefined;
  byteLength: number;
  name: string | undefined;
  meta: object | undefined;
  enabled: boolean;
  workspaceEnabled: boolean;
  createdAtMs: number;
  updatedAtMs: number | undefined;
  expiresAtMs: number | undefined;
  /** the addresses from which the key may be used; undefined: all addresses */
  ipAllowList: string[] | undefined;
  apiIpAllowList: string[] | undefined;
  /**
   * `atMs`: when the key was last rerolled. `expiresBeforeRerollMs`: the key's expiry before its first reroll.
   * Undefined if the key was never rerolled, or if its expiry was set after the last reroll
   */
  reroll: { atMs: number; expiresBeforeRerollMs: number | undefined } | undefined;
  permissions: string[];
  roles: string[];
  ratelimits: StoredRatelimit[];
  identity: IdentityRecord | undefined;
  /** the key's own credits; undefined: unlimited */
  credits: Credits | undefined;
  hasQuotas: boolean;
  /** the key itself, encrypted with the server's recovery key; undefined if the key is not recoverable */
  sealed: string | undefined;
};

/** Selects live keys. A key is live if neither it nor its api is deleted. */
export function liveKeys(db: Db, workspaceId: string) {
  return db
    .selectFrom("keys")
    .innerJoin("apis", "apis.id", "keys.apiId")
    .innerJoin("workspaces", "workspaces.id", "keys.workspaceId")
    .leftJoin("identities", (join) =>
      join
        .onRef("identities.id", "=", "keys.identityId")
        .onRef("identities.workspaceId", "=", "keys.workspaceId"),
    )
    .leftJoin("balances", (join) =>
      join.onRef("balances.id", "=", "keys.subjectId").onRef("balances.workspaceId", "=", "keys.workspaceId"),
    )
    .select(["keys.id", "keys.workspaceId", "keys.apiId", "keys.subjectId", "keys.start", "keys.prefix"])
    .select("apis.keyspaceId")
    .select(["keys.byteLength", "keys.name", "keys.meta", "keys.enabled", "keys.createdAtMs"])
    .select(["keys.updatedAtMs", "keys.expiresAtMs", "keys.sealed", "workspaces.enabled as workspaceEnabled"])
    .select(["keys.rerolledAtMs", "keys.expiresBeforeRerollMs"])
    .select(["keys.ipAllowList", "apis.ipAllowList as apiIpAllowList"])
    .select(["identities.id as identityId", "identities.externalId", "identities.meta as identityMeta"])
    .select(balanceColumns)
    .select("balances.quotas")
    .where("keys.workspaceId", "=", workspaceId)
    .where("apis.workspaceId", "=", workspaceId)
    .where("keys.deletedAtMs", "is", null)
    .where("apis.deletedAtMs", "is", null);
}

/**
 * Adds to each key roughly how many permissions and roles it has. A permission counts several times if the key has it
 * in several ways. By these counts, a list decides how many keys it loads with their permissions and roles at a time.
 */
export function withGrantCount(query: ReturnType<typeof liveKeys>, workspaceId: string) {
  return query.select((eb) => [
    eb
      .selectFrom("keyPermissions")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("keyPermissions.workspaceId", "=", workspaceId)
      .whereRef("keyPermissions.keyId", "=", "keys.id")
      .$asScalar()
      .$notNull()
      .as("directCount"),
    eb
      .selectFrom("keyRoles")
      .leftJoin("rolePermissions", (join) =>
        join
          .onRef("rolePermissions.roleId", "=", "keyRoles.roleId")
          .on("rolePermissions.workspaceId", "=", workspaceId),
      )
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("keyRoles.workspaceId", "=", workspaceId)
      .whereRef("keyRoles.keyId", "=", "keys.id")
      .$asScalar()
      .$notNull()
      .as("throughRolesCount"),
  ]);
}

/**
 * A key on a page of a list. `directCount` is how many permissions the key has directly. `throughRolesCount` is roughly
 * how many roles and permissions through roles the key has.
 */
export type ListedKeyRow = KeyRow & { directCount: number; throughRolesCount: number };

/** A key without its permissions, roles and rate limits. */
export type KeyRow = Awaited<ReturnType<ReturnType<typeof liveKeys>["execute"]>>[number];

/** Finds the live key with this id, with its credits at `nowMs`. */
export async function findKey(db: Db, workspaceId: string, id: string, nowMs: number) {
  const rows = await liveKeysWithId(db, { workspaceId, id });
  return (await withDetails(db, workspaceId, rows, nowMs))[0];
}

const liveKeysWithId = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  liveKeys(db, workspaceId).where("keys.id", "=", id).compile(),
);

/**
 * Excludes keys that wait for their first verification after an import or a migration: their stored hash may not be the
 * SHA-256 of the whole key.
 */
const liveKeysWithHash = prepared((db, { workspaceId, hash }: { workspaceId: string; hash: string }) =>
  liveKeys(db, workspaceId)
    .where("keys.hash", "=", hash)
    .where("keys.pendingMigrationId", "is", null)
    .compile(),
);

/** Like `findKey`, by the SHA-256 of the key. */
export async function findKeyByHash(db: Db, workspaceId: string, hash: string, nowMs: number) {
  const rows = await liveKeysWithHash(db, { workspaceId, hash });
  return (await withDetails(db, workspaceId, rows, nowMs))[0];
}

/**
 * Like `findKey`, with a row lock until the transaction ends. Calls `now` when it has the lock, and returns the credits
 * at that time.
 */
export async function lockKey(tx: Tx, workspaceId: string, id: string, now: () => number) {
  const [locked] = await lockRow(tx, { workspaceId, id });
  return locked && findKey(tx, workspaceId, id, now());
}

const lockRow = prepared((db, { workspaceId, id }: { workspaceId: string; id: string }) =>
  db
    .selectFrom("keys")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .forNoKeyUpdate() // so that rows that refer to the key can be inserted meanwhile, as during an update of the key
    .compile(),
);

export type KeyFilter = {
  apiId: string;
  /** only keys whose id is greater than this, in byte order */
  afterId: string | undefined;
  limit: number;
  /** only keys of the identity with this external id */
  externalId: string | undefined;
};

/** Lists the live keys of an api in the order of their creation. Use `withDetails` to add permissions and so on. */
export async function listKeys(db: Db, workspaceId: string, filter: KeyFilter): Promise<ListedKeyRow[]> {
  return selectPage(db, { workspaceId, ...filter });
}

const selectPage = prepared((db, page: KeyFilter & { workspaceId: string }) => {
  let query = withGrantCount(liveKeys(db, page.workspaceId), page.workspaceId)
    .where("keys.apiId", "=", page.apiId)
    .orderBy("keys.id")
    .limit(page.limit);
  if (page.afterId !== undefined) query = query.where("keys.id", ">", page.afterId);
  if (page.externalId !== undefined) query = query.where("identities.externalId", "=", page.externalId);
  return query.compile();
});

/** Adds to these keys their permissions, roles, rate limits, and credits at `nowMs`. */
export async function withDetails(
  db: Db,
  workspaceId: string,
  rows: readonly KeyRow[],
  nowMs: number,
): Promise<KeyDetails[]> {
  const { limits, permissions, roles } = await listKeyDetails(db, workspaceId, rows);
  return rows.map((row) => ({
    id: row.id,
    workspaceId,
    apiId: row.apiId,
    keyspaceId: keyspaceIdOf({ id: row.apiId, keyspaceId: row.keyspaceId }),
    subjectId: row.subjectId,
    identityId: row.identityId ?? undefined,
    start: row.start,
    prefix: row.prefix ?? undefined,
    byteLength: row.byteLength,
    name: row.name ?? undefined,
    meta: row.meta === null ? undefined : parseMeta(row.meta),
    enabled: row.enabled === 1,
    workspaceEnabled: row.workspaceEnabled === 1,
    createdAtMs: row.createdAtMs,
    updatedAtMs: row.updatedAtMs ?? undefined,
    expiresAtMs: row.expiresAtMs ?? undefined,
    ipAllowList: parseIpAllowList(row.ipAllowList),
    apiIpAllowList: parseIpAllowList(row.apiIpAllowList),
    reroll: rerollOf(row),
    permissions: permissions.get(row.id) ?? [],
    roles: roles.get(row.id) ?? [],
    ratelimits: limits.get(row.id) ?? [],
    identity: identityOf(row, limits),
    credits: creditsAt(row, nowMs),
    hasQuotas: row.quotas !== null,
    sealed: row.sealed ?? undefined,
  }));
}

function rerollOf({ rerolledAtMs, expiresBeforeRerollMs }: KeyRow): KeyDetails["reroll"] {
  if (rerolledAtMs === null) return undefined;
  return { atMs: rerolledAtMs, expiresBeforeRerollMs: expiresBeforeRerollMs ?? undefined };
}

function identityOf(row: KeyRow, limits: Map<string, StoredRatelimit[]>): IdentityRecord | undefined {
  if (row.identityId === null || row.externalId === null) return undefined;
  return {
    id: row.identityId,
    externalId: row.externalId,
    meta: parseMeta(row.identityMeta ?? "{}"),
    ratelimits: limits.get(row.identityId) ?? [],
  };
}

/**
 * The state of a key that may be deleted, may belong to a deleted api, or may wait for its first verification after an
 * import or a migration.
 */
export type KeyState = {
  id: string;
  apiId: string;
  deletedAtMs: number | null;
  apiDeletedAtMs: number | null;
  keyspaceId: string | null;
  pendingMigrationId: string | null;
  hash: string;
};

/** Finds the state of the key with this id or this stored hash. */
export async function findKeyState(
  db: Db,
  workspaceId: string,
  by: { column: "id" | "hash"; value: string },
): Promise<KeyState | undefined> {
  return (await selectState(db, { workspaceId, value: by.value, isId: by.column === "id" }))[0];
}

type StateOf = { workspaceId: string; value: string; isId: boolean };

const selectState = prepared((db, { workspaceId, value, isId }: StateOf) =>
  db
    .selectFrom("keys")
    .innerJoin("apis", "apis.id", "keys.apiId")
    .select([
      "keys.id",
      "keys.apiId",
      "keys.deletedAtMs",
      "apis.deletedAtMs as apiDeletedAtMs",
      "apis.keyspaceId",
    ])
    .select(["keys.pendingMigrationId", "keys.hash"])
    .where("keys.workspaceId", "=", workspaceId)
    .where("apis.workspaceId", "=", workspaceId)
    .where(isId ? "keys.id" : "keys.hash", "=", value)
    .compile(),
);
