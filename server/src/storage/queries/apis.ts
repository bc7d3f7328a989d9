import { isIn, prepared } from "../prepared.ts";
import type { Db, Flag, Schema, Tx } from "../schema.ts";
import { searchedList } from "./searchedList.ts";

const apiColumns = [
  "id",
  "name",
  "keyspaceId",
  "createdAtMs",
  "deleteProtection",
  "defaultPrefix",
  "defaultByteLength",
  "ipAllowList",
] as const;

/** An api that is not deleted. */
export type ApiRecord = Pick<Schema["apis"], (typeof apiColumns)[number]>;

export async function insertApi(
  tx: Tx,
  api: { id: string; keyspaceId: string; workspaceId: string; name: string; nowMs: number },
) {
  const row = {
    id: api.id,
    keyspaceId: api.keyspaceId,
    workspaceId: api.workspaceId,
    name: api.name,
    createdAtMs: api.nowMs,
    deletedAtMs: null,
    deleteProtection: 0 as const,
    defaultPrefix: null,
    defaultByteLength: null,
    ipAllowList: null,
  };
  await insertRows(tx, { rows: [row] });
}

const insertRows = prepared((db, { rows }: { rows: readonly Schema["apis"][] }) =>
  db.insertInto("apis").values(rows).compile(),
);

/** Returns the id of the api's keyspace, which is the set of the api's keys. Each api has exactly one keyspace. */
export function keyspaceIdOf({ id, keyspaceId }: Pick<Schema["apis"], "id" | "keyspaceId">): string {
  return keyspaceId ?? `ks_${id.slice("api_".length)}`;
}

/**
 * Finds the apis of these keyspaces. Returns the id of each api by the id of its keyspace. Omits keyspaces that are
 * unknown or whose api is deleted.
 */
export async function findApisByKeyspace(
  db: Db,
  workspaceId: string,
  keyspaceIds: readonly string[],
): Promise<Map<string, string>> {
  if (keyspaceIds.length === 0) return new Map();
  const derivedIds = keyspaceIds.map((id) => id.replace(/^ks_/, "api_"));
  const derived = await selectByIds(db, { workspaceId, ids: derivedIds });
  const rows = [
    ...derived.filter(({ keyspaceId }) => keyspaceId === null),
    ...(await selectByKeyspace(db, { workspaceId, keyspaceIds })),
  ];
  return new Map(rows.map((row) => [keyspaceIdOf(row), row.id]));
}

// two statements, because SQLite would read all apis of the workspace for a single statement with "or"
const selectByKeyspace = prepared(
  (db, { workspaceId, keyspaceIds }: { workspaceId: string; keyspaceIds: readonly string[] }) =>
    liveApis(db, workspaceId).where(isIn("keyspaceId", keyspaceIds)).compile(),
);

const selectByIds = prepared((db, { workspaceId, ids }: { workspaceId: string; ids: readonly string[] }) =>
  liveApis(db, workspaceId).where(isIn("id", ids)).compile(),
);

function liveApis(db: Db, workspaceId: string) {
  return db
    .selectFrom("apis")
    .select(apiColumns)
    .where("workspaceId", "=", workspaceId)
    .where("deletedAtMs", "is", null);
}

/** Finds an api. Returns `undefined` if it does not exist or is deleted. */
export async function findApi(db: Db, workspaceId: string, id: string): Promise<ApiRecord | undefined> {
  return (await selectLive(db, { workspaceId, id }))[0];
}

type ApiKey = { workspaceId: string; id: string };

const selectLive = prepared((db, { workspaceId, id }: ApiKey) =>
  liveApis(db, workspaceId).where("id", "=", id).compile(),
);

/** Like `findApi`, with a row lock until the transaction ends. */
export async function lockApi(tx: Tx, workspaceId: string, id: string): Promise<ApiRecord | undefined> {
  return (await lockLive(tx, { workspaceId, id }))[0];
}

const lockLive = prepared((db, { workspaceId, id }: ApiKey) =>
  liveApis(db, workspaceId).where("id", "=", id).forUpdate().compile(),
);

/**
 * Lists apis that are not deleted, in the order of their creation. `search` looks for a text in their ids and names.
 */
export const listApis = searchedList(liveApis, ["id", "name"]);

/** New values of an api. Values that are `undefined` stay unchanged. */
export type ApiChange = {
  name: string | undefined;
  deleteProtection: Flag | undefined;
  defaultPrefix: string | null | undefined;
  defaultByteLength: number | null | undefined;
  ipAllowList: readonly string[] | null | undefined;
};

/** Changes an api and returns it. The transaction must have locked the api. */
export async function setApi(tx: Tx, workspaceId: string, id: string, change: ApiChange): Promise<ApiRecord> {
  const { name, deleteProtection, defaultPrefix, defaultByteLength } = change;
  const ipAllowList = change.ipAllowList ? JSON.stringify(change.ipAllowList) : change.ipAllowList;
  const set = { name, deleteProtection, defaultPrefix, defaultByteLength, ipAllowList };
  const [row] = await updateRow(tx, { workspaceId, id, ...set });
  if (row === undefined)
    throw new Error("setApi found no api to change: the same transaction must call lockApi first");
  return row;
}

type StoredChange = Omit<ApiChange, "ipAllowList"> & { ipAllowList: string | null | undefined };

const updateRow = prepared((db, { workspaceId, id, ...change }: ApiKey & StoredChange) =>
  db
    .updateTable("apis")
    .set(change)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .returning(apiColumns)
    .compile(),
);

/**
 * Marks an api as deleted. Its keys then count as deleted, too, although their rows are not changed. Returns false if
 * the api does not exist or is protected from deletion.
 */
export async function setApiDeleted(
  tx: Tx,
  workspaceId: string,
  id: string,
  nowMs: number,
): Promise<boolean> {
  return (await setDeleted(tx, { workspaceId, id, nowMs })).length > 0;
}

const setDeleted = prepared((db, { workspaceId, id, nowMs }: ApiKey & { nowMs: number }) =>
  db
    .updateTable("apis")
    .set({ deletedAtMs: nowMs })
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .where("deletedAtMs", "is", null)
    .where("deleteProtection", "=", 0)
    .returning("id")
    .compile(),
);
