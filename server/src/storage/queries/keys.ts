import { prepareGranted } from "../../domain/permissionQuery.ts";
import type { IdentityRecord, KeyRecord, StoredRatelimit } from "../../domain/verification.ts";
import { prepared } from "../prepared.ts";
import type { Db, Tx } from "../schema.ts";
import { type Credits, creditsAt } from "./balances.ts";
import { listGrants } from "./grants.ts";
import { parseMeta } from "./meta.ts";
import { listRatelimits } from "./ratelimits.ts";

/** A key as its operations answer it; `meta` is parsed JSON. */
export type KeyDetails = {
  id: string;
  workspaceId: string;
  apiId: string;
  /** the name of its balance and its counters */
  subjectId: string;
  identityId: string | undefined;
  start: string;
  prefix: string | undefined;
  byteLength: number;
  name: string | undefined;
  meta: object | undefined;
  enabled: boolean;
  createdAtMs: number;
  updatedAtMs: number | undefined;
  expiresAtMs: number | undefined;
  permissions: string[];
  roles: string[];
  ratelimits: StoredRatelimit[];
  identity: IdentityRecord | undefined;
  /** undefined: unlimited */
  credits: Credits | undefined;
  /** the key under the server's recovery key; undefined where it cannot be shown again */
  sealed: string | undefined;
};

/** Live keys: neither they nor their api are deleted. */
function liveKeys(db: Db, workspaceId: string) {
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
    .select(["keys.byteLength", "keys.name", "keys.meta", "keys.enabled", "keys.createdAtMs"])
    .select(["keys.updatedAtMs", "keys.expiresAtMs", "keys.sealed", "workspaces.enabled as workspaceEnabled"])
    .select(["identities.id as identityId", "identities.externalId", "identities.meta as identityMeta"])
    .select(["balances.remaining", "balances.refillAmount", "balances.refillDay", "balances.nextRefillAtMs"])
    .where("keys.workspaceId", "=", workspaceId)
    .where("apis.workspaceId", "=", workspaceId)
    .where("keys.deletedAtMs", "is", null)
    .where("apis.deletedAtMs", "is", null);
}

type KeyRow = Awaited<ReturnType<ReturnType<typeof liveKeys>["execute"]>>[number];

/** The live key with this id; credits as they are at `nowMs`. */
export async function findKey(db: Db, workspaceId: string, id: string, nowMs: number) {
  const rows = await liveKeys(db, workspaceId).where("keys.id", "=", id).execute();
  return (await detailed(db, workspaceId, rows, nowMs))[0];
}

/** Those whose whole text has this hash: what was brought over may go by that of a part until it is first verified. */
const liveKeysWithHash = prepared((db, { workspaceId, hash }: { workspaceId: string; hash: string }) =>
  liveKeys(db, workspaceId)
    .where("keys.hash", "=", hash)
    .where("keys.pendingMigrationId", "is", null)
    .compile(),
);

/** The live key with this hash; credits as they are at `nowMs`. */
export async function findKeyWithHash(db: Db, workspaceId: string, hash: string, nowMs: number) {
  const rows = await liveKeysWithHash(db, { workspaceId, hash });
  return (await detailed(db, workspaceId, rows, nowMs))[0];
}

/** As `findKey`, and nobody else changes the key before this transaction ends. */
export async function lockKey(tx: Tx, workspaceId: string, id: string, nowMs: number) {
  const locked = await tx
    .updateTable("keys")
    .set((eb) => ({ createdAtMs: eb.ref("createdAtMs") }))
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return locked && findKey(tx, workspaceId, id, nowMs);
}

export type KeyFilter = {
  apiId: string;
  /** rows whose id comes after this in byte order */
  afterId: string | undefined;
  limit: number;
  /** keys of the identity with this external id */
  externalId: string | undefined;
};

/** Live keys of an api, in creation order; credits as they are at `nowMs`. */
export async function listKeys(
  db: Db,
  workspaceId: string,
  filter: KeyFilter,
  nowMs: number,
): Promise<KeyDetails[]> {
  let query = liveKeys(db, workspaceId)
    .where("keys.apiId", "=", filter.apiId)
    .orderBy("keys.id")
    .limit(filter.limit);
  if (filter.afterId !== undefined) query = query.where("keys.id", ">", filter.afterId);
  if (filter.externalId !== undefined) query = query.where("identities.externalId", "=", filter.externalId);
  return detailed(db, workspaceId, await query.execute(), nowMs);
}

/** Everything that verifying the live key with this hash needs. */
export async function findKeyByHash(
  db: Db,
  workspaceId: string,
  hash: string,
): Promise<KeyRecord | undefined> {
  const [row] = await liveKeysWithHash(db, { workspaceId, hash });
  if (row === undefined) return undefined;
  const { grants, limits } = await partsOf(db, workspaceId, [row]);
  const { permissions, roles, ids } = grants.get(row.id) ?? { permissions: [], roles: [], ids: [] };
  return {
    id: row.id,
    workspaceId,
    apiId: row.apiId,
    workspaceEnabled: row.workspaceEnabled === 1,
    subjectId: row.subjectId,
    name: row.name ?? undefined,
    meta: row.meta === null ? undefined : parseMeta(row.meta),
    enabled: row.enabled === 1,
    expiresAtMs: row.expiresAtMs ?? undefined,
    permissions,
    granted: prepareGranted(permissions),
    roles,
    ratelimits: limits.get(row.id) ?? [],
    identity: identityOf(row, limits),
    hasBalance: row.remaining !== null,
    madeFrom: [
      row.id,
      row.subjectId,
      row.apiId,
      workspaceId,
      ...(row.identityId === null ? [] : [row.identityId]),
      ...ids,
    ],
    bytes: 3_000 + 2 * ((row.meta?.length ?? 0) + (row.identityMeta?.length ?? 0)) + 100 * ids.length,
  };
}

async function detailed(
  db: Db,
  workspaceId: string,
  rows: readonly KeyRow[],
  nowMs: number,
): Promise<KeyDetails[]> {
  const { grants, limits } = await partsOf(db, workspaceId, rows);
  return rows.map((row) => ({
    id: row.id,
    workspaceId,
    apiId: row.apiId,
    subjectId: row.subjectId,
    identityId: row.identityId ?? undefined,
    start: row.start,
    prefix: row.prefix ?? undefined,
    byteLength: row.byteLength,
    name: row.name ?? undefined,
    meta: row.meta === null ? undefined : parseMeta(row.meta),
    enabled: row.enabled === 1,
    createdAtMs: row.createdAtMs,
    updatedAtMs: row.updatedAtMs ?? undefined,
    expiresAtMs: row.expiresAtMs ?? undefined,
    permissions: grants.get(row.id)?.permissions ?? [],
    roles: grants.get(row.id)?.roles ?? [],
    ratelimits: limits.get(row.id) ?? [],
    identity: identityOf(row, limits),
    credits: creditsAt(row, nowMs),
    sealed: row.sealed ?? undefined,
  }));
}

async function partsOf(db: Db, workspaceId: string, rows: readonly KeyRow[]) {
  const owners = rows.flatMap((row) => (row.identityId === null ? [row.id] : [row.id, row.identityId]));
  const limits = await listRatelimits(db, workspaceId, [...new Set(owners)]);
  const grants = await listGrants(
    db,
    workspaceId,
    rows.map((row) => row.id),
  );
  return { limits, grants };
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

/** The api of a key, deleted ones too, as long as there is a record of it. */
export async function findApiOfKey(db: Db, workspaceId: string, id: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("keys")
    .select("apiId")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.apiId;
}
