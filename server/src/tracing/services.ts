import type { Attributes, Tracer } from "@opentelemetry/api";
import { type CompiledQuery, Kysely, type QueryResult } from "kysely";
import type { Counters } from "../counters/counters.ts";
import type { Log } from "../log.ts";
import type { Services } from "../services.ts";
import type { Engine } from "../storage/engine.ts";
import type { Db, Schema, Tx } from "../storage/schema.ts";
import { currentSpan, spanAround } from "./spans.ts";

/** Returns the engine with a span around each transaction and each statement. */
export function tracedEngine(engine: Engine, tracer: Tracer): Engine {
  const system = systemOf(engine);
  const { snapshot } = engine;
  const tracedDbs = new WeakMap<Db, Db>();
  const traced = (db: Db): Db => {
    const known = tracedDbs.get(db) ?? tracedDb(db, tracer, system);
    tracedDbs.set(db, known);
    return known;
  };
  return {
    ...engine,
    db: traced(engine.db),
    slow: traced(engine.slow),
    snapshot: snapshot && ((read) => spanAround(tracer, "snapshot", system, () => snapshot(read))),
    transaction: (work, options) =>
      spanAround(tracer, "transaction", system, () =>
        engine.transaction((tx) => work(traced(tx) as Tx), options),
      ),
  };
}

function systemOf({ name }: Engine) {
  return { "db.system.name": name === "postgres" ? "postgresql" : name };
}

/** Returns a `Db` that compiles statements in the same way as `db`, and runs each statement through `db` in a span. */
function tracedDb(db: Db, tracer: Tracer, system: Attributes): Db {
  const executor = db.getExecutor();
  const nothing = async () => undefined;
  const refuse = () => Promise.reject(new Error("transactions are started by the engine"));
  const connection = {
    executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const { summary, operation } = summaryOf(query.sql);
      const attributes = { ...system, "db.operation.name": operation, "db.query.summary": summary };
      return spanAround(tracer, summary, attributes, () => db.executeQuery(query as CompiledQuery<R>));
    },
    streamQuery() {
      throw new Error("streaming is not supported");
    },
  };
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => executor.adapter,
      createQueryCompiler: () => ({ compileQuery: (node, id) => executor.compileQuery(node, id) }),
      createIntrospector: () => db.introspection,
      createDriver: () => ({
        init: nothing,
        acquireConnection: async () => connection,
        releaseConnection: nothing,
        beginTransaction: refuse,
        commitTransaction: refuse,
        rollbackTransaction: refuse,
        destroy: nothing,
      }),
    },
  });
}

/** Returns the SQL without the text in parentheses, such as subqueries. */
function outsideParentheses(sql: string): string {
  let depth = 0;
  let outside = "";
  for (const part of sql.split(/([()])/)) {
    if (part === "(") depth += 1;
    else if (part === ")") depth -= 1;
    else if (depth === 0) outside += part;
  }
  return outside;
}

/** Returns the verb and the first table of a statement, such as `select keys`: nothing that may contain user data. */
function summaryOf(sql: string): { summary: string; operation: string } {
  const [operation = "query"] = /\b(?:select|insert|update|delete)\b/i.exec(sql) ?? [];
  const table = /\b(?:from|into|update)\s+"(\w+)"/i.exec(outsideParentheses(sql))?.[1];
  const verb = operation.toLowerCase();
  return { operation: verb, summary: table === undefined ? verb : `${verb} ${table}` };
}

/** Returns the counters in Redis with a span around each call. */
export function tracedCounters(counters: Counters, tracer: Tracer): Counters {
  const attributes = (operation: string) => ({ "db.system.name": "redis", "db.operation.name": operation });
  const hit = attributes("hit");
  const giveBack = attributes("giveBack");
  const peek = attributes("peek");
  return {
    ...counters,
    hit: (windows) => spanAround(tracer, "redis hit", hit, () => counters.hit(windows)),
    giveBack: (one) => spanAround(tracer, "redis giveBack", giveBack, () => counters.giveBack(one)),
    peek: (windows) => spanAround(tracer, "redis peek", peek, () => counters.peek(windows)),
  };
}

/**
 * Wraps `spend` in a span. Requests that spend at the same time share a transaction and its commit, so the statements
 * of that transaction get no spans.
 */
export function tracedSpending(
  spend: Services["spendCredits"],
  engine: Engine,
  tracer: Tracer,
): Services["spendCredits"] {
  const system = systemOf(engine);
  return (one, lead) =>
    spanAround(tracer, "spend credits", system, () => currentSpan.run(undefined, () => spend(one, lead)));
}

/** Returns a log that adds the ids of the current trace and span to every event. */
export function tracedLog(log: Log): Log {
  return (level, event, fields = {}) => {
    const span = currentSpan.getStore();
    if (span === undefined) return log(level, event, fields);
    const { traceId, spanId } = span.spanContext();
    const given = () => (typeof fields === "function" ? fields() : fields);
    return log(level, event, () => ({ ...given(), trace_id: traceId, span_id: spanId }));
  };
}
