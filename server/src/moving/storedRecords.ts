import { type CompiledQuery, type RawBuilder, sql } from "kysely";
import { isIn, prepared, unindexed } from "../storage/prepared.ts";
import type { Db } from "../storage/schema.ts";
import { parseStored } from "../storage/storedJson.ts";
import { balance } from "./accountSchemas.ts";
import { type RecordType, recordSchemas } from "./format.ts";
import { type Codec, type Rows, type Stored, storedIn } from "./tables.ts";

/** The types whose records are rows of the main database. Those of the other types are in the usage database. */
export type StoredType = Exclude<RecordType, "usage" | "lastUse">;

export type Value = string | number | null;
export type Row = Readonly<Record<string, Value>>;

/** The fields of a record of any type. Records that were read from the database lack nulls and empty lists. */
export type RecordFields = Readonly<Record<string, unknown>>;

/** A record that was read from the database. If it cannot be written to a document, `flaw` says why. */
export type Read = { id: string; fields: RecordFields } | { id: string; flaw: string };

/** Which records to read: up to `limit` records after `afterId`, in the order of ids; or the records with these ids. */
type Which = { afterId: string; limit: number } | { ids: readonly string[] };

/** Reads records of one type, without deleted ones. They are sorted by id. */
export async function readRecords(
  db: Db,
  workspaceId: string,
  type: StoredType,
  which: Which,
): Promise<Read[]> {
  const { table, lists = {}, balanceOf } = storedIn[type];
  // with an empty list, SQLite would scan whole tables for some types
  if ("ids" in which && which.ids.length === 0) return [];
  const page = { workspaceId, afterId: undefined, limit: undefined, ids: undefined, ...which };
  const rows = await selectors[type](db, page);
  const ids = rows.map(idOf);
  const loaded: Record<string, Map<string, unknown>> = {};
  for (const [field, list] of Object.entries(lists)) {
    const owners = rows.flatMap((row) => (list.alsoBy ?? []).map((name) => String(row[name] ?? "")));
    loaded[field] = grouped(
      list,
      await listSelectors[`${table}.${field}`]?.(db, { workspaceId, ids, owners }),
    );
  }
  if (balanceOf !== undefined) {
    const owners = rows.map((row) => String(row[balanceOf]));
    const balances = await selectBalances(db, { workspaceId, ids: owners });
    const byOwner = new Map(balances.map((row) => [idOf(row), row]));
    loaded["balance"] = new Map(rows.map((row) => [idOf(row), byOwner.get(String(row[balanceOf]))]));
  }
  return rows.map((row) => read(storedIn[type], row, loaded));
}

export function idOf(row: Row): string {
  return String(row["id"]);
}

/** The value of a field if it is text, otherwise an empty string. */
export function textIn(fields: RecordFields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

/** Identifies the balance of a key or an identity: the `subjectId` of a key, the id of an identity. */
export function subjectOf({ id, fields }: { id: string; fields: RecordFields }): string {
  return textIn(fields, "subjectId") || id;
}

/** The columns of a type's own table that a record has as fields. */
export function columnsOf(type: Exclude<RecordType, "usage">): string[] {
  const { lists = {}, balanceOf } = storedIn[type];
  const isColumn = (field: string) =>
    !Object.hasOwn(lists, field) && !(field === "balance" && balanceOf !== undefined);
  return Object.keys(recordSchemas[type].shape).filter(isColumn);
}

export const balanceColumns = Object.keys(balance.shape);
export const balanceCodecs = { quotas: "json" } as const;

type Page = {
  workspaceId: string;
  afterId: string | undefined;
  limit: number | undefined;
  ids: readonly string[] | undefined;
};

/** SQL conditions that exclude deleted records. */
const live: Partial<Record<StoredType, RawBuilder<unknown>>> = {
  api: sql`and "deletedAtMs" is null`,
  key: sql`and "deletedAtMs" is null and exists (
    select 1 from "apis" where "apis"."id" = "keys"."apiId" and "apis"."deletedAtMs" is null)`,
};

/** The identity of a key, or null if it was deleted. Keys keep the id of a deleted identity. */
const identityOfKey = sql`case when exists (select 1 from "identities" where "identities"."id" = "keys"."identityId"
  and "identities"."workspaceId" = "keys"."workspaceId") then "identityId" end as "identityId"`;

/** Types whose table has no index of workspace and id: the index of the ids finds their pages. */
const withoutIndex: readonly StoredType[] = ["override", "movement"];

function selectorOf(type: StoredType) {
  const { table } = storedIn[type];
  const ofWorkspace = (db: Db) =>
    withoutIndex.includes(type) ? unindexed(db, "workspaceId") : sql.ref("workspaceId");
  const columns = columnsOf(type).map((name) =>
    type === "key" && name === "identityId" ? identityOfKey : sql.ref(name),
  );
  return prepared(
    (db, { workspaceId, afterId, limit, ids }: Page): CompiledQuery<Row> =>
      sql<Row>`select ${sql.join(columns)} from ${sql.table(table)} where ${ofWorkspace(db)} = ${workspaceId}
        ${live[type] ?? sql``}
        ${afterId === undefined ? sql`` : sql`and "id" > ${afterId}`}
        ${ids === undefined ? sql`` : sql`and ${isIn("id", ids)}`}
        order by "id" ${limit === undefined ? sql`` : sql`limit ${limit}`}`.compile(db),
  );
}

type Selector = ReturnType<typeof selectorOf>;

const selectors = Object.fromEntries(
  Object.keys(storedIn).map((type) => [type, selectorOf(type as StoredType)]),
) as Record<StoredType, Selector>;

type Owned = { workspaceId: string; ids: readonly string[]; owners: readonly string[] };

function listSelectorOf({ table, owner, value, columns = [], position, of, alsoBy }: Rows) {
  const selected = [owner, ...columns, ...(value === undefined ? [] : [value])].map((name) => sql.ref(name));
  const order = position ?? value ?? "ownerId";
  return prepared(
    (db, { workspaceId, ids, owners }: Owned): CompiledQuery<Row> =>
      sql<Row>`select ${sql.join(selected)} from ${sql.table(table)} where "workspaceId" = ${workspaceId}
        and ${isIn(owner, ids)} ${alsoBy === undefined ? sql`` : sql`and ${isIn("ownerId", owners)}`}
        ${
          of === undefined || value === undefined
            ? sql``
            : sql`and exists (select 1 from ${sql.table(of)} where ${sql.ref(`${of}.id`)} = ${sql.ref(value)}
                and ${sql.ref(`${of}.workspaceId`)} = ${sql.ref(`${table}.workspaceId`)})`
        }
        order by ${sql.ref(owner)}, ${sql.ref(order)}`.compile(db),
  );
}

/** The statements that read lists, by `table.field`. */
const listSelectors = Object.fromEntries(
  Object.values(storedIn).flatMap(({ table, lists = {} }) =>
    Object.entries(lists).map(([field, list]) => [`${table}.${field}`, listSelectorOf(list)] as const),
  ),
);

const selectBalances = prepared(
  (db, { workspaceId, ids }: { workspaceId: string; ids: readonly string[] }): CompiledQuery<Row> =>
    sql<Row>`select "id", ${sql.join(balanceColumns.map((name) => sql.ref(name)))} from "balances"
      where "workspaceId" = ${workspaceId} and ${isIn("id", ids)}`.compile(db),
);

/** Groups the rows of a list by the id of the record to which they belong. */
function grouped({ owner, value }: Rows, rows: readonly Row[] = []): Map<string, unknown[]> {
  const byOwner = new Map<string, unknown[]>();
  for (const { [owner]: id, ...row } of rows) {
    const items = byOwner.get(String(id)) ?? [];
    items.push(value === undefined ? row : row[value]);
    byOwner.set(String(id), items);
  }
  return byOwner;
}

function read({ codecs, lists = {} }: Stored, row: Row, loaded: Record<string, Map<string, unknown>>): Read {
  const id = idOf(row);
  try {
    const fields: Record<string, unknown> = { ...decoded(row, codecs) };
    if (fields["subjectId"] === id) delete fields["subjectId"];
    for (const [field, list] of Object.entries(lists)) {
      const items = (loaded[field]?.get(id) ?? []) as (Row | Value)[];
      if (items.length === 0) continue;
      fields[field] =
        list.value === undefined ? items.map((item) => decoded(item as Row, list.codecs)) : items;
    }
    const account = loaded["balance"]?.get(id) as Row | undefined;
    if (account !== undefined) {
      const { id: _, ...columns } = account;
      fields["balance"] = decoded(columns, balanceCodecs);
    }
    return { id, fields };
  } catch (error) {
    if (error instanceof DamagedColumn)
      return {
        id,
        flaw: `its field ${error.field} is not valid JSON in the database: set the field to a new value`,
      };
    throw error;
  }
}

class DamagedColumn extends Error {
  readonly field: string;
  constructor(field: string) {
    super(`${field} is not valid JSON`);
    this.field = field;
  }
}

/** Converts stored values to fields. Errors: `DamagedColumn` if a text that should be JSON is not. */
function decoded(row: Row, codecs: Readonly<Record<string, Codec>> = {}): RecordFields {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (value === null) continue;
    const codec = codecs[name];
    fields[name] = codec === undefined ? value : codec === "flag" ? value === 1 : parseStored(String(value));
    if (fields[name] === undefined) throw new DamagedColumn(name);
  }
  return fields;
}
