import { Database } from "bun:sqlite";
import { CompiledQuery, sql } from "kysely";
import type { Engine } from "../src/storage/engine.ts";
import { watchThisThread } from "./statements.ts";

/**
 * What the database does to run recorded statements: which tables it scans and what it sorts. `rowsRead`: how many rows
 * it reads, if the database reports that.
 */
export type Work = { fullScans: string[]; sorts: string[]; rowsRead: number | undefined };

/**
 * Brings the statistics of the database up to date, runs the recorded `select`s again, and asks the database how it
 * runs them.
 */
export async function workOf(engine: Engine, queries: readonly CompiledQuery[]): Promise<Work> {
  const { slow, name } = engine;
  if (name === "postgres") await sql`analyze`.execute(slow);
  const works: Work[] = [];
  for (const { sql: text, parameters } of queries.filter(({ query }) => query.kind === "SelectQueryNode")) {
    const ask = name === "postgres" ? "explain (analyze, format json)" : "explain query plan";
    const { rows } = await slow.executeQuery<Record<string, unknown>>(
      CompiledQuery.raw(`${ask} ${text}`, [...parameters]),
    );
    works.push(name === "postgres" ? postgresWork(rows) : sqliteWork(rows));
  }
  return {
    fullScans: works.flatMap(({ fullScans }) => fullScans),
    sorts: works.flatMap(({ sorts }) => sorts),
    rowsRead: name === "postgres" ? works.reduce((sum, { rowsRead = 0 }) => sum + rowsRead, 0) : undefined,
  };
}

function sqliteWork(rows: readonly Record<string, unknown>[]): Work {
  const details = rows.map(({ detail }) => String(detail));
  return {
    fullScans: details.filter(
      (detail) => detail.startsWith("SCAN ") && !/CONSTANT ROW|SUBQUERY|json_each/.test(detail),
    ),
    sorts: details.filter((detail) => detail.includes("TEMP B-TREE")),
    rowsRead: undefined,
  };
}

type Plan = {
  "Node Type": string;
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  Plans?: Plan[];
};

function postgresWork([row]: readonly Record<string, unknown>[]): Work {
  const text = row?.["QUERY PLAN"];
  const [{ Plan: root }] = (typeof text === "string" ? JSON.parse(text) : text) as [{ Plan: Plan }];
  const nodes = allNodes(root);
  const scans = nodes.filter((node) => node["Relation Name"] !== undefined);
  const read = scans.map(
    (scan) => (scan["Actual Rows"] + (scan["Rows Removed by Filter"] ?? 0)) * scan["Actual Loops"],
  );
  return {
    fullScans: [], // not counted here: a scan of a small table is cheap, and `rowsRead` shows scans of large ones
    sorts: nodes
      .filter((node) => node["Node Type"].includes("Sort") && node["Actual Rows"] > 1_000)
      .map((node) => node["Node Type"]),
    rowsRead: Math.round(read.reduce((sum, rows) => sum + rows, 0)),
  };
}

function allNodes(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(allNodes)];
}

/**
 * Returns the database's description of how it would run the statement on a large table. For SQLite, opens a connection
 * of its own for this.
 */
export async function planOf(
  engine: Engine,
  databaseUrl: string,
  { sql: text, parameters }: CompiledQuery,
): Promise<string> {
  if (engine.name === "sqlite") {
    const database = new Database(databaseUrl.replace("file:", ""), { readonly: true });
    const rows = database.prepare(`explain query plan ${text}`).all(...(parameters as string[]));
    database.close();
    return (rows as { detail: string }[]).map(({ detail }) => detail).join("\n");
  }
  return engine.transaction(async (tx) => {
    // without this, PostgreSQL would scan the tables, because the tables of a test are small
    await tx.executeQuery(CompiledQuery.raw("set local enable_seqscan = off"));
    const query = CompiledQuery.raw(`explain (costs off) ${text}`, [...parameters]);
    const { rows } = await tx.executeQuery<Record<string, unknown>>(query);
    return rows.map((row) => String(row["QUERY PLAN"])).join("\n");
  });
}

/** The statements of this process whose plans were checked already. */
const checked = new Set<string>();

/**
 * Watches the statements of a server with a SQLite file. The returned function throws if a statement reads all rows of
 * a workspace although it names the rows that it needs or changes. SQLite chooses such a plan without a warning if the
 * index by workspace seems cheaper. The cost of a call then grows with the number of keys.
 */
export function watchPlans(engine: Engine, databaseUrl: string): () => void {
  const seen = new Set<string>();
  watchThisThread(engine, (statement) => {
    if (/^(select|with|update|delete|insert)/.test(statement.sql)) seen.add(statement.sql);
  });
  return () => {
    const database = new Database(databaseUrl.replace("file:", ""), { readonly: true });
    const slow = [...seen].filter(
      (text) => !checked.has(text) && readsWholeWorkspace(text, planIn(database, text)),
    );
    database.close();
    for (const text of seen) checked.add(text);
    if (slow.length > 0)
      throw new Error(`These statements read all rows of a workspace:\n${slow.join("\n")}`);
  };
}

function planIn(database: Database, text: string): string {
  const ofSeveral = text.replaceAll(" in (?)", " in (?, ?)"); // SQLite would plan a list of one value like `=`
  const statement = database.prepare(`explain query plan ${ofSeveral}`);
  const rows = statement.all(...Array.from({ length: statement.paramsCount }, () => null));
  return (rows as { detail: string }[]).map(({ detail }) => detail).join("\n");
}

/**
 * Returns whether a statement of the server reads all rows of a workspace by mistake. Statements that begin with
 * `select *` are ignored: only tests run them, to read whole tables.
 */
function readsWholeWorkspace(text: string, plan: string): boolean {
  const isRead = text.startsWith("select");
  const namesRows = / in \((\?|select "value")/.test(text);
  const isByWorkspace = / INDEX \w+ \(workspaceId=\?\)$/m.test(plan);
  return (
    isByWorkspace &&
    !text.startsWith("select *") &&
    (!isRead || namesRows || plan.includes("TEMP B-TREE FOR ORDER BY"))
  );
}
