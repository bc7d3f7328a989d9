import { type CompiledQuery, sql } from "kysely";
import { isSalted, workOf } from "../domain/oldHashes.ts";
import { keyspacesIn } from "../domain/permissionUrns.ts";
import { isIn, prepared } from "../storage/prepared.ts";
import { findApisByKeyspace } from "../storage/queries/apis.ts";
import { listSalted } from "../storage/queries/keys/waiting.ts";
import type { Db } from "../storage/schema.ts";
import type { Fields } from "./format.ts";
import { referencesOf, uniqueColumns, uniqueText } from "./references.ts";
import { idOf, type Row, type StoredType, subjectOf, textIn, type Written } from "./storedRecords.ts";
import { storedIn } from "./tables.ts";

/** A row of the database that concerns a record of a batch. */
export type Found = {
  id: string;
  /** of its balance, if it is a key or an identity */
  owner: string;
  workspaceId: string;
  isDeleted: boolean;
  /** of a key that was imported without a SHA-256 and has one now */
  learned: Learned | undefined;
};

export type Learned = { hash: string; learnedAtMs: number };

type Wanted = { id: string; fields: Written };

/** What the database has that concerns a batch of records. */
export type Facts = {
  byId: Map<string, Found>;
  /** by unique text */
  byText: Map<string, Found>;
  /** of root keys: hashes that were revoked here */
  revoked: Set<string>;
  /** `table id`, of what references may name */
  there: Set<string>;
  /** ids of rate limits and balances that belong to others */
  foreign: Set<string>;
  /** the live keys with a salted hash */
  starts: Starts;
  /** of root keys: by the keyspaces that they name, the apis */
  apis: Map<string, string>;
};

/** By start and id, what it costs to compare a guess with the hash. */
export type Starts = Map<string, Map<string, number>>;

/** Looks up everything that decides about these records of one type. */
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
    const values = records.flatMap(({ fields }) => (fields[unique.column] ?? []) as string[]).map(String);
    const rows = values.length === 0 ? [] : await findByText[type]?.[index]?.(db, { workspaceId, values });
    for (const row of rows ?? []) {
      found.set(uniqueText(unique, String(row["within"] ?? ""), String(row["value"])), foundOf(row));
    }
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

/** Ids of rate limits with the record that wants them, and of records whose balance belongs to another workspace. */
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

const learnedColumns = (type: StoredType) => (type === "key" ? sql`, "hash", "learnedAtMs"` : sql``);

/** In every workspace, since ids are unique in the database. */
const findById = byType((type) =>
  prepared(
    (db, { ids }: Ids): CompiledQuery<Row> =>
      sql<Row>`select "id", "workspaceId", ${deletedColumn(type)} as "deletedAtMs" ${learnedColumns(type)}
        from ${sql.table(storedIn[type].table)} where ${isIn("id", ids)}`.compile(db),
  ),
);

type Texts = { workspaceId: string; values: readonly string[] };

/** By the index of the unique column. Root keys are found by their hash over all workspaces. */
const findByText = byType((type) =>
  (uniqueColumns[type] ?? []).map(({ column, within }) =>
    prepared(
      (db, { workspaceId, values }: Texts): CompiledQuery<Row> =>
        sql<Row>`select "id", "workspaceId", ${sql.ref(column)} as "value",
          ${type === "key" ? sql.ref("subjectId") : sql`null`} as "subjectId",
          ${within === undefined ? sql`null` : sql.ref(within)} as "within"
          from ${sql.table(storedIn[type].table)}
          where ${isIn(column, values)} ${type === "rootKey" ? sql`` : sql`and "workspaceId" = ${workspaceId}`}`.compile(
          db,
        ),
    ),
  ),
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

/** Balances of other workspaces with these ids. */
const findBalances = prepared(
  (db, { workspaceId, ids }: { workspaceId: string; ids: readonly string[] }): CompiledQuery<Row> =>
    sql<Row>`select "id" from "balances" where ${isIn("id", ids)} and "workspaceId" <> ${workspaceId}`.compile(
      db,
    ),
);
