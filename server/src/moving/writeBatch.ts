import { type CompiledQuery, sql } from "kysely";
import type { Engine } from "../storage/engine.ts";
import { isIn, prepared } from "../storage/prepared.ts";
import type { Tx } from "../storage/schema.ts";
import type { BatchContext, JudgedBatch } from "./judgeBatch.ts";
import {
  balanceCodecs,
  balanceColumns,
  columnsOf,
  type RecordFields,
  type Row,
  type StoredType,
  subjectOf,
  textIn,
  type Value,
} from "./storedRecords.ts";
import { type Codec, type Rows, type Stored, storedIn } from "./tables.ts";

/**
 * How many rows one statement inserts. There are only three sizes, because each compiled statement takes up to a
 * megabyte of memory.
 */
const rowsAtOnce = [64, 8, 1] as const;

/**
 * Writes the records that are to be created or changed. Returns the ids that must be evicted from the servers' caches.
 */
export async function writeBatch(
  tx: Tx,
  { workspaceId, type, engine }: BatchContext,
  { records }: JudgedBatch,
): Promise<Set<string>> {
  const created = records.filter(({ outcome }) => outcome.kind === "created");
  const changed = records.filter(({ outcome }) => outcome.kind === "changed");
  const { table, lists = {}, balanceOf } = storedIn[type];
  const rowsOf = (some: typeof records) => some.map(({ fields }) => rowOf(type, workspaceId, fields));
  await insert(tx, engine, table, rowsOf(created));
  for (const row of rowsOf(changed)) await updaters[type](tx, row);
  const written = [...created, ...changed];
  for (const list of Object.values(lists)) {
    const ids = changed.map(({ id }) => id);
    if (ids.length > 0) await deleters[list.table]?.(tx, { workspaceId, ids });
  }
  for (const [field, list] of Object.entries(lists)) {
    await insert(
      tx,
      engine,
      list.table,
      written.flatMap(({ id, fields }) => listRows(list, workspaceId, id, fields[field])),
    );
  }
  if (balanceOf !== undefined) await writeBalances(tx, { workspaceId, engine }, { created, changed });
  const ids = changedIds(type, { created, changed });
  if (type === "identity" && (await hasKeys(tx, workspaceId, created))) ids.add(workspaceId);
  return ids;
}

/**
 * Whether the workspace already has keys of these new identities: a key keeps the id of its identity when the identity
 * is deleted. If the identity is created again, cached records of its keys lack it.
 */
async function hasKeys(tx: Tx, workspaceId: string, created: Some): Promise<boolean> {
  if (created.length === 0) return false;
  const rows = await selectKeyOf(tx, { workspaceId, ids: created.map(({ id }) => id) });
  return rows.length > 0;
}

type Some = JudgedBatch["records"];

/**
 * The ids to evict from caches. Caches do not have the new records, but they may have the namespace of a new override,
 * and keys that share the balance of a new key.
 */
function changedIds(type: StoredType, { created, changed }: { created: Some; changed: Some }): Set<string> {
  const sharing = created.map(subjectOf).filter((subjectId, index) => subjectId !== created[index]?.id);
  const ids = new Set([...changed.flatMap((record) => [record.id, subjectOf(record)]), ...sharing]);
  if (type === "override") {
    for (const { fields } of [...created, ...changed]) ids.add(textIn(fields, "namespaceId"));
  }
  return ids;
}

function rowOf(type: StoredType, workspaceId: string, fields: RecordFields): Row {
  const row: Record<string, Value> = { workspaceId };
  const { codecs } = storedIn[type];
  for (const name of writtenColumns(type)) row[name] = encoded(name, fields[name], codecs);
  if (type === "key") row["subjectId"] ??= textIn(fields, "id");
  return row;
}

function writtenColumns(type: StoredType): string[] {
  return [...columnsOf(type), ...(storedIn[type].computed ?? [])];
}

function encoded(name: string, value: unknown, codecs: Readonly<Record<string, Codec>> = {}): Value {
  if (value === undefined || value === null) return null;
  const codec = codecs[name];
  if (codec === "flag") return value === true ? 1 : 0;
  return codec === "json" ? JSON.stringify(value) : (value as Value);
}

function listRows(list: Rows, workspaceId: string, ownerId: string, items: unknown): Row[] {
  const { owner, value, columns = [], position, codecs } = list;
  return ((items ?? []) as unknown[]).map((item, index) => ({
    workspaceId,
    [owner]: ownerId,
    ...(value === undefined
      ? Object.fromEntries(columns.map((name) => [name, encoded(name, (item as RecordFields)[name], codecs)]))
      : { [value]: item as Value }),
    ...(position === undefined ? {} : { [position]: index }),
  }));
}

/**
 * Writes the balances of keys or identities. Keys with the same `subjectId` share a balance. An existing balance is
 * kept, unless the import changes a key or identity that has it.
 */
async function writeBalances(
  tx: Tx,
  { workspaceId, engine }: Pick<BatchContext, "workspaceId" | "engine">,
  { created, changed }: { created: Some; changed: Some },
) {
  if (changed.length > 0) await deleteBalances(tx, { workspaceId, ids: changed.map(subjectOf) });
  const rows = new Map<string, Row>();
  for (const record of [...created, ...changed]) {
    const fields = record.fields["balance"] as RecordFields | null | undefined;
    if (fields === undefined || fields === null) continue;
    const columns = balanceColumns.map((name) => [name, encoded(name, fields[name], balanceCodecs)]);
    rows.set(subjectOf(record), { id: subjectOf(record), workspaceId, ...Object.fromEntries(columns) });
  }
  await insert(tx, engine, "balances", [...rows.values()]);
}

type Table = "balances" | Rows["table"] | (typeof storedIn)[StoredType]["table"];

async function insert(tx: Tx, engine: Engine["name"], table: Table, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  if (engine === "postgres") return void (await inserters[table]?.json(tx, { rows: jsonOf(rows) }));
  for (let start = 0; start < rows.length; ) {
    const left = rows.length - start;
    const count = rowsAtOnce.find((size) => size <= left) ?? 1;
    await inserters[table]?.values(tx, { rows: rows.slice(start, start + count) });
    start += count;
  }
}

/**
 * The rows as JSON. Characters that are not valid Unicode are replaced, because PostgreSQL would refuse them in JSON.
 * In an ordinary parameter, the driver replaces them in the same way.
 */
function jsonOf(rows: readonly Row[]): string {
  return JSON.stringify(rows, (_, value: unknown) =>
    typeof value === "string" ? value.toWellFormed() : value,
  );
}

/**
 * A balance that exists already is kept: keys with the same `subjectId` share it. `judgeBatch` has made sure that rows
 * of other tables do not exist yet.
 */
const conflict = (table: Table) => (table === "balances" ? sql`on conflict do nothing` : sql``);

/**
 * Two statements that insert rows: `values` has a parameter for each value, and `json` has one parameter for any number
 * of rows. SQLite is five times faster with `values`. PostgreSQL is faster with `json`, which saves round trips and
 * long statements.
 */
function inserterOf(table: Table, columns: readonly string[]) {
  const names = sql.join(["workspaceId", ...columns].map((name) => sql.ref(name)));
  return {
    values: prepared((db, { rows }: { rows: readonly Row[] }): CompiledQuery<unknown> => {
      const query = db.insertInto(table as "keys").values(rows as never);
      return (table === "balances" ? query.onConflict((on) => on.doNothing()) : query).compile();
    }),
    json: prepared(
      (db, { rows }: { rows: string }): CompiledQuery<unknown> =>
        sql`insert into ${sql.table(table)} (${names}) select ${names}
          from json_populate_recordset(null::${sql.table(table)}, ${rows}::text::json) ${conflict(table)}`.compile(
          db,
        ),
    ),
  };
}

const stored = Object.entries(storedIn).filter(([type]) => type !== "lastUse") as [StoredType, Stored][];
const lists = stored.flatMap(([, { lists = {} }]) => Object.values(lists));

const listColumns = ({ owner, value, columns = [], position }: Rows) =>
  [owner, value, ...columns, position].filter((name) => name !== undefined);

const inserters: Readonly<Record<string, ReturnType<typeof inserterOf>>> = Object.fromEntries([
  ["balances", inserterOf("balances", ["id", ...balanceColumns])],
  ...stored.map(([type, { table }]) => [table, inserterOf(table as Table, writtenColumns(type))]),
  ...lists.map((list) => [list.table, inserterOf(list.table, listColumns(list))]),
]);

function updaterOf(type: StoredType) {
  const names = writtenColumns(type).filter((name) => name !== "id");
  return prepared(
    (db, row: Record<string, Value>): CompiledQuery<unknown> =>
      sql`update ${sql.table(storedIn[type].table)} set ${sql.join(names.map((name) => sql`${sql.ref(name)} = ${row[name]}`))}
        where "workspaceId" = ${row["workspaceId"]} and "id" = ${row["id"]}`.compile(db),
  );
}

const updaters = Object.fromEntries(stored.map(([type]) => [type, updaterOf(type)])) as Record<
  StoredType,
  ReturnType<typeof updaterOf>
>;

type Owned = { workspaceId: string; ids: readonly string[] };

function deleterOf({ table, owner }: Rows) {
  return prepared(
    (db, { workspaceId, ids }: Owned): CompiledQuery<unknown> =>
      sql`delete from ${sql.table(table)} where "workspaceId" = ${workspaceId} and ${isIn(owner, ids)}`.compile(
        db,
      ),
  );
}

const deleters: Readonly<Record<string, ReturnType<typeof deleterOf>>> = Object.fromEntries(
  lists.map((list) => [list.table, deleterOf(list)]),
);

const selectKeyOf = prepared((db, { workspaceId, ids }: Owned) =>
  db
    .selectFrom("keys")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("deletedAtMs", "is", null)
    .where(isIn("identityId", ids))
    .limit(1)
    .compile(),
);

const deleteBalances = prepared(
  (db, { workspaceId, ids }: Owned): CompiledQuery<unknown> =>
    sql`delete from "balances" where "workspaceId" = ${workspaceId} and ${isIn("id", ids)}`.compile(db),
);
