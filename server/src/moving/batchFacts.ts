import { type CompiledQuery, sql } from "kysely";
import { isSalted, workOf } from "../domain/oldHashes.ts";
import { keyspacesIn } from "../domain/permissionUrns.ts";
import { isIn, prepared, unindexed } from "../storage/prepared.ts";
import { findApisByKeyspace } from "../storage/queries/apis.ts";
import { listSalted } from "../storage/queries/keys/waiting.ts";
import type { Db } from "../storage/schema.ts";
import type { Fields } from "./format.ts";
import { referencesOf, uniqueColumns, uniqueText } from "./references.ts";
import {
  columnsOf,
  idOf,
  type RecordFields,
  type Row,
  type StoredType,
  subjectOf,
  textIn,
} from "./storedRecords.ts";
import { storedIn } from "./tables.ts";

/** A row in the database that has the id or a unique text of a record that is to be imported. */
export type Found = {
  id: string;
  /** of a key or identity: the `subjectId` that identifies its balance */
  owner: string;
  workspaceId: string;
  isDeleted: boolean;
  createdAtMs: number | undefined;
  /** for a key that was imported without a SHA-256: the SHA-256, if its first verification has supplied it by now */
  learned: Learned | undefined;
};

export type Learned = { hash: string; learnedAtMs: number };

type Wanted = { id: string; fields: RecordFields };

/** What the database says about a batch of records. It decides what becomes of each record. */
export type Facts = {
  byId: Map<string, Found>;
  /** rows by a text that must be unique, such as a name or hash */
  byText: Map<string, Found>;
  /** for root keys: the hashes in the batch that were revoked in this database */
  revoked: Set<string>;
  /** the existing records of the workspace to which the batch refers, as `table id` */
  there: Set<string>;
  /** records with a rate limit or a balance that belongs to another record or workspace (see `foreignOf`) */
  foreign: Set<string>;
  /** the stored keys with a salted hash whose `start` (their first characters) is that of a key of the batch */
  starts: Starts;
  /** for root keys: maps the id of each keyspace that a permission names to the id of its api */
  apis: Map<string, string>;
};

/**
 * Keys with salted hashes, by their first characters and then by id. The number is the work of comparing a presented
 * key with the hash, as `workOf` returns it.
 */
export type Starts = Map<string, Map<string, number>>;

/** Looks up everything that decides whether the records, which all have this type, can be imported. */
export async function factsFor(
  db: Db,
  { workspaceId, type }: { workspaceId: string; type: StoredType },
  records: readonly Wanted[],
): Promise<Facts> {
  const ids = records.map(({ id }) => id);
  const byId = new Map((await findById[type](db, { ids })).map((row) => [idOf(row), foundOf(row)]));
  const there = new Set<string>();
  const wanted = new Map<string, Set<string>>();
  for (const { fields } of records) {
    for (const { table, id } of referencesOf(type, fields)) {
      wanted.set(table, (wanted.get(table) ?? new Set()).add(id));
    }
  }
  for (const [table, ids] of wanted) {
    const rows = await findReferenced[table]?.(db, { workspaceId, ids: [...ids] });
    for (const row of rows ?? []) there.add(`${table} ${idOf(row)}`);
  }
  return {
    byId,
    byText: await withTexts(db, workspaceId, type, records),
    revoked: type === "rootKey" ? await revokedAmong(db, records) : new Set(),
    there,
    foreign: await foreignOf(db, workspaceId, type, records),
    starts: await startsOf(db, workspaceId, records),
    apis: type === "rootKey" ? await namedApis(db, workspaceId, records) : new Map(),
  };
}

function foundOf(row: Row): Found {
  return {
    id: idOf(row),
    owner: String(row["subjectId"] ?? idOf(row)),
    workspaceId: String(row["workspaceId"]),
    isDeleted: (row["deletedAtMs"] ?? null) !== null,
    createdAtMs: typeof row["createdAtMs"] === "number" ? row["createdAtMs"] : undefined,
    learned:
      typeof row["learnedAtMs"] === "number"
        ? { hash: String(row["hash"]), learnedAtMs: row["learnedAtMs"] }
        : undefined,
  };
}

async function startsOf(db: Db, workspaceId: string, records: readonly Wanted[]): Promise<Starts> {
  const found: Starts = new Map();
  for (const { fields } of records) {
    if (isSalted(textIn(fields, "hash"))) found.set(textIn(fields, "start"), new Map());
  }
  if (found.size === 0) return found;
  for (const { id, start, hash } of await listSalted(db, workspaceId, [...found.keys()])) {
    found.get(start)?.set(id, workOf(hash));
  }
  return found;
}

async function withTexts(
  db: Db,
  workspaceId: string,
  type: StoredType,
  records: readonly Wanted[],
): Promise<Map<string, Found>> {
  const found = new Map<string, Found>();
  for (const [index, unique] of (uniqueColumns[type] ?? []).entries()) {
    const groups = Map.groupBy(records, ({ fields }) => textIn(fields, unique.within ?? ""));
    // all statements are sent before the first result arrives
    const lookUps = [...groups].map(async ([within, group]) => {
      const values = group.flatMap(({ fields }) => (fields[unique.column] ?? []) as string[]).map(String);
      const rows =
        values.length === 0 ? [] : await findByText[type]?.[index]?.(db, { workspaceId, values, within });
      for (const row of rows ?? []) found.set(uniqueText(unique, within, String(row["value"])), foundOf(row));
    });
    await Promise.all(lookUps);
  }
  return found;
}

async function revokedAmong(db: Db, records: readonly Wanted[]): Promise<Set<string>> {
  const rows = await findRevoked(db, { ids: records.map(({ fields }) => textIn(fields, "hash")) });
  return new Set(rows.map((row) => String(row["hash"])));
}

function namedApis(db: Db, workspaceId: string, records: readonly Wanted[]): Promise<Map<string, string>> {
  const permissions = records.flatMap(({ fields }) => (fields as Fields<"rootKey">).permissions);
  return findApisByKeyspace(db, workspaceId, keyspacesIn(permissions));
}

/**
 * Two kinds of entries. `<limit id> <record id>`: the record has a rate limit whose id belongs to another record in the
 * database. `<record id>`: the record has a balance whose id belongs to another workspace.
 */
async function foreignOf(
  db: Db,
  workspaceId: string,
  type: StoredType,
  records: readonly Wanted[],
): Promise<Set<string>> {
  if (type !== "key" && type !== "identity") return new Set();
  const limits = records.flatMap(({ id, fields }) =>
    ((fields["ratelimits"] ?? []) as { id: string }[]).map((limit) => ({ id: limit.id, owner: id })),
  );
  const rows = limits.length === 0 ? [] : await findLimits(db, { ids: limits.map(({ id }) => id) });
  const owners = new Map(rows.map((row) => [idOf(row), row["ownerId"]]));
  const others = limits.filter(({ id, owner }) => owners.has(id) && owners.get(id) !== owner);
  const balances = await findBalances(db, { workspaceId, ids: records.map(subjectOf) });
  const taken = new Set(balances.map(idOf));
  const subjects = records.filter((record) => taken.has(subjectOf(record)));
  return new Set([...others.map(({ id, owner }) => `${id} ${owner}`), ...subjects.map(({ id }) => id)]);
}

type Ids = { ids: readonly string[] };

const types = Object.keys(storedIn).filter((type) => type !== "lastUse") as StoredType[];
const byType = <T>(make: (type: StoredType) => T) =>
  Object.fromEntries(types.map((type) => [type, make(type)])) as Record<StoredType, T>;

const deletedColumn = (type: StoredType) =>
  type === "key" || type === "api" ? sql.ref("deletedAtMs") : sql`null`;

const createdColumn = (type: StoredType) =>
  columnsOf(type).includes("createdAtMs") ? sql`, "createdAtMs"` : sql``;

const learnedColumns = (type: StoredType) => (type === "key" ? sql`, "hash", "learnedAtMs"` : sql``);

/** Looks in every workspace, because ids are unique in the whole database. */
const findById = byType((type) =>
  prepared(
    (db, { ids }: Ids): CompiledQuery<Row> =>
      sql<Row>`select "id", "workspaceId", ${deletedColumn(type)} as "deletedAtMs"
        ${createdColumn(type)} ${learnedColumns(type)}
        from ${sql.table(storedIn[type].table)} where ${isIn("id", ids)}`.compile(db),
  ),
);

type Texts = { workspaceId: string; values: readonly string[]; within: string };

/**
 * Looks up rows by a unique column. If the unique column has a `within`, its index begins with that column, so the
 * statement needs the value of that column too. The hash of a root key is looked up in all workspaces.
 */
const findByText = byType((type) =>
  (uniqueColumns[type] ?? []).map(({ column, within }) => {
    const ofWorkspace = (db: Db) =>
      within === undefined ? sql.ref("workspaceId") : unindexed(db, "workspaceId");
    return prepared(
      (db, { workspaceId, values, within: container }: Texts): CompiledQuery<Row> =>
        sql<Row>`select "id", "workspaceId", ${sql.ref(column)} as "value",
          ${type === "key" ? sql.ref("subjectId") : sql`null`} as "subjectId"
          from ${sql.table(storedIn[type].table)}
          where ${isIn(column, values)} ${type === "rootKey" ? sql`` : sql`and ${ofWorkspace(db)} = ${workspaceId}`}
          ${within === undefined ? sql`` : sql`and ${sql.ref(within)} = ${container}`}`.compile(db),
    );
  }),
);

const findRevoked = prepared(
  (db, { ids }: Ids): CompiledQuery<Row> =>
    sql<Row>`select "hash" from "revokedRootKeys" where ${isIn("hash", ids)}`.compile(db),
);

const findReferenced: Readonly<Record<string, ReturnType<typeof referencedIn>>> = Object.fromEntries(
  ["apis", "identities", "permissions", "roles", "namespaces", "keyMigrations"].map((table) => [
    table,
    referencedIn(table),
  ]),
);

function referencedIn(table: string) {
  return prepared(
    (db, { workspaceId, ids }: { workspaceId: string; ids: readonly string[] }): CompiledQuery<Row> =>
      sql<Row>`select "id" from ${sql.table(table)} where "workspaceId" = ${workspaceId} and ${isIn("id", ids)}
        ${table === "apis" ? sql`and "deletedAtMs" is null` : sql``}`.compile(db),
  );
}

const findLimits = prepared(
  (db, { ids }: Ids): CompiledQuery<Row> =>
    sql<Row>`select "id", "ownerId" from "ratelimits" where ${isIn("id", ids)}`.compile(db),
);

/** Finds which of these ids are balances of other workspaces. */
const findBalances = prepared(
  (db, { workspaceId, ids }: { workspaceId: string; ids: readonly string[] }): CompiledQuery<Row> =>
    sql<Row>`select "id" from "balances" where ${isIn("id", ids)} and "workspaceId" <> ${workspaceId}`.compile(
      db,
    ),
);
