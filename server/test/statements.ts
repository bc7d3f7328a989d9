import type { CompiledQuery, OperationNode, QueryExecutor } from "kysely";
import type { Engine } from "../src/storage/engine.ts";
import type { Db } from "../src/storage/schema.ts";
import { slowReader } from "../src/storage/slowReads.ts";

/**
 * Records Kysely's tree of every statement that this engine then runs, even if the statement was compiled
 * before.
 */
export function recordStatements(engine: Engine): OperationNode[] {
  const recorded: OperationNode[] = [];
  watchStatements(engine, ({ query }) => void recorded.push(query));
  return recorded;
}

/** A statement, and where it ran: as a look-up in a snapshot, in a transaction, or alone. */
export type Watched = CompiledQuery & { in: "snapshot" | "transaction" | "alone" };

/**
 * Calls `seen` before each statement that this engine then runs. It does not see the statements that begin and
 * end a snapshot.
 */
export function watchStatements(engine: Engine, seen: (statement: Watched) => void): void {
  watchThisThread(engine, seen);
  engine.readSlowly = slowReader(engine.slow); // in this thread, where its statements are seen
}

/** Like `watchStatements`, but leaves reads that may be slow to their thread, and does not see their statements. */
export function watchThisThread(engine: Engine, seen: (statement: Watched) => void): void {
  const { transaction, snapshot } = engine;
  const executors = new WeakSet<QueryExecutor>();
  const watch = (db: Db, how: Watched["in"]) => {
    const executor = db.getExecutor();
    if (executors.has(executor)) return;
    executors.add(executor);
    const { executeQuery } = executor;
    executor.executeQuery = (query) => {
      seen({ ...query, in: how });
      return executeQuery.call(executor, query) as never;
    };
  };
  watch(engine.db, "alone");
  watch(engine.slow, "alone");
  engine.transaction = (work, options) =>
    transaction.call(
      engine,
      (tx) => {
        watch(tx, "transaction");
        return work(tx);
      },
      options,
    ) as never;
  engine.snapshot =
    snapshot &&
    ((read) =>
      snapshot((moment) =>
        read({
          ...moment,
          rows(query, parameters) {
            seen({ ...query, parameters, in: "snapshot" });
            return moment.rows(query, parameters);
          },
        }),
      ));
}

/**
 * Returns a database that runs queries like `db`, and adds every `prepared` query to `recorded`, with its arguments.
 */
export function recordingQueries<D extends Db>(db: D, recorded: CompiledQuery[]): D {
  const wrapped = db.withoutPlugins() as D;
  wrapped.executeQuery = (query) => {
    if ("parameters" in query) recorded.push(query);
    return db.executeQuery(query) as never;
  };
  return wrapped;
}

type Tree = Record<string, unknown>;

/**
 * Returns the tables of `workspaceTables` that a statement or its subqueries read or write without naming one
 * workspace.
 */
export function unboundTables(statement: OperationNode, workspaceTables: readonly string[]): string[] {
  return queriesIn(statement).flatMap((query) => unboundIn(query, workspaceTables));
}

const queryKinds = ["SelectQueryNode", "InsertQueryNode", "UpdateQueryNode", "DeleteQueryNode"];

/** Returns the trees of all queries in this tree, the tree itself included if it is a query. */
function queriesIn(tree: unknown): Tree[] {
  if (typeof tree !== "object" || tree === null) return [];
  const inner = Object.values(tree).flatMap(queriesIn);
  return queryKinds.includes(String((tree as Tree)["kind"])) ? [tree as Tree, ...inner] : inner;
}

/** A table, and its alias in the statement. */
type Source = { table: string; name: string };

function unboundIn(query: Tree, workspaceTables: readonly string[]): string[] {
  if (query["kind"] === "InsertQueryNode") return unboundInsert(query, workspaceTables);
  const sources = sourcesOf(query).filter(({ table }) => workspaceTables.includes(table));
  const names = sources.map(({ name }) => name);
  const conditions = conditionsOf(query);
  const bound = new Set<string>();
  for (let before = -1; before < bound.size; ) {
    before = bound.size;
    for (const name of names) if (isBound(name, names, conditions, bound)) bound.add(name);
  }
  return sources.filter(({ name }) => !bound.has(name)).map(({ table }) => table);
}

/**
 * Returns the tables for which an insert breaks the rule: inserted rows must name their workspace, and rows updated
 * on conflict must belong to it.
 */
function unboundInsert(query: Tree, workspaceTables: readonly string[]): string[] {
  const [table = ""] = namesIn(query["into"], "TableNode");
  if (!workspaceTables.includes(table)) return [];
  const hasColumn = namesIn(query["columns"], "ColumnNode").includes("workspaceId");
  const conflict = query["onConflict"] as Tree | undefined;
  if (conflict?.["updates"] === undefined) return hasColumn ? [] : [table];
  const isUnique = namesIn(conflict["columns"], "ColumnNode").includes("workspaceId");
  const conditions = conjuncts((conflict["updateWhere"] as Tree | undefined)?.["where"]);
  const isGuarded = isUnique || isBound(table, [table], conditions, new Set());
  return hasColumn && isGuarded ? [] : [table];
}

/** Returns the tables of the statement, without those of its subqueries. */
function sourcesOf(query: Tree): Source[] {
  const { from, table, joins = [] } = query as { from?: Tree; table?: unknown; joins?: Tree[] };
  const froms = (from?.["froms"] as unknown[] | undefined) ?? [];
  return [...froms, table, ...joins.map((join) => join["table"])].flatMap((source) => {
    const { kind, node, alias } = (source ?? {}) as { kind?: string; node?: Tree; alias?: Tree };
    const tables = namesIn(kind === "AliasNode" ? tableOnly(node) : tableOnly(source), "TableNode");
    return tables.map((name) => ({ table: name, name: alias === undefined ? name : String(alias["name"]) }));
  });
}

/**
 * Returns the source if it is a table. Returns `undefined` for a subquery, because each subquery is checked by itself.
 */
function tableOnly(source: unknown): unknown {
  return (source as Tree | undefined)?.["kind"] === "TableNode" ? source : undefined;
}

function conditionsOf(query: Tree): Tree[] {
  const { where, joins = [] } = query as { where?: Tree; joins?: Tree[] };
  return [where?.["where"], ...joins.map((join) => (join["on"] as Tree | undefined)?.["on"])].flatMap(
    conjuncts,
  );
}

function conjuncts(condition: unknown): Tree[] {
  const tree = condition as Tree | undefined;
  if (tree === undefined) return [];
  if (tree["kind"] === "AndNode") return [...conjuncts(tree["left"]), ...conjuncts(tree["right"])];
  return tree["kind"] === "ParensNode" ? conjuncts(tree["node"]) : [tree];
}

/**
 * Returns whether the conditions bind a table to one workspace: they compare its workspace with a value or with that of
 * another bound table, or they join its rows by their ids to the rows of a bound table.
 */
function isBound(table: string, tables: string[], conditions: Tree[], bound: ReadonlySet<string>): boolean {
  const isColumn = (side: Tree | undefined, of: string, column?: string) =>
    isColumnOf(side, of, tables, column);
  return conditions.some((condition) => {
    if (condition["kind"] !== "BinaryOperationNode") return false;
    if ((condition["operator"] as Tree)["operator"] !== "=") return false;
    const sides = [condition["leftOperand"], condition["rightOperand"]] as Tree[];
    return [sides, sides.toReversed()].some(([own, other]) => {
      const others = [...bound].filter((one) => one !== table);
      if (isColumn(own, table, "id")) return others.some((one) => isColumn(other, one));
      if (!isColumn(own, table, "workspaceId")) return false;
      return other?.["kind"] === "ValueNode" || others.some((one) => isColumn(other, one, "workspaceId"));
    });
  });
}

/**
 * Returns whether one side of a comparison is this column of the table; if `column` is omitted, any column of the
 * table.
 */
function isColumnOf(side: Tree | undefined, table: string, tables: string[], column?: string): boolean {
  if (side?.["kind"] !== "ReferenceNode") return false;
  if (column !== undefined && !namesIn(side["column"], "ColumnNode").includes(column)) return false;
  const [owner] = namesIn(side["table"], "TableNode");
  return owner === table || (owner === undefined && tables.length === 1);
}

/** Returns the names of the tables or columns in a part of a tree. */
function namesIn(tree: unknown, kind: "TableNode" | "ColumnNode"): string[] {
  if (typeof tree !== "object" || tree === null) return [];
  const node = tree as Tree;
  if (node["kind"] !== kind) return Object.values(node).flatMap((part) => namesIn(part, kind));
  const identifier = (kind === "TableNode" ? (node["table"] as Tree)["identifier"] : node["column"]) as Tree;
  return [String(identifier["name"])];
}

/** Returns the pieces of hand-written SQL in a statement. */
export function rawSql(tree: unknown): string[] {
  if (typeof tree !== "object" || tree === null) return [];
  const node = tree as Tree;
  const inner = Object.values(node).flatMap(rawSql);
  return node["kind"] === "RawNode" ? [(node["sqlFragments"] as string[]).join("?"), ...inner] : inner;
}
