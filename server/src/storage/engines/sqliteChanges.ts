/**
 * How a server on a SQLite file learns what commands such as `latchkey import` change: each of their transactions
 * stores the ids of the records that it changes.
 */
import type { Database } from "bun:sqlite";
import { CompiledQuery } from "kysely";
import type { ForeignChange } from "../engine.ts";
import type { Tx } from "../schema.ts";

const pollEveryMs = 250;
/** How many transactions have their changes stored. A command runs far fewer between two polls of a server. */
export const keptChanges = 50;

/** Stores, as a part of the transaction of a command, which records it changes; also that it changes none. */
export async function storeChanges(tx: Tx, ids: ReadonlySet<string>): Promise<void> {
  await tx.executeQuery(CompiledQuery.raw(`insert into "changes" ("ids") values (?)`, [[...ids].join(" ")]));
  const oldest = `(select max("id") from "changes") - ${keptChanges}`;
  await tx.executeQuery(CompiledQuery.raw(`delete from "changes" where "id" <= ${oldest}`));
}

/**
 * Calls `report` when another process has changed the database. Commits of other connections change the `data_version`
 * of `writer`; its own commits, which are all commits of this process, do not. If the commits stored no ids, not even
 * an empty list, another program has written, so anything may have changed. The same holds if some lists are deleted
 * already. Returns a function that ends the watch.
 */
export function watchChanges(writer: Database, report: (change: ForeignChange) => void): () => void {
  const version = writer.query<{ data_version: number }, []>("pragma data_version");
  const selectAfter = writer.query<{ id: number; ids: string }, [number]>(
    `select "id", "ids" from "changes" where "id" > ? order by "id"`,
  );
  let lastVersion = version.get()?.data_version;
  let lastId = selectAfter.all(0).at(-1)?.id ?? 0;
  const timer = setInterval(() => {
    const now = version.get()?.data_version;
    if (now === lastVersion) return;
    lastVersion = now;
    const changes = selectAfter.all(lastId);
    const isComplete = changes[0]?.id === lastId + 1;
    lastId = changes.at(-1)?.id ?? lastId;
    const ids = changes.flatMap((change) => (change.ids === "" ? [] : change.ids.split(" ")));
    report({ ids: isComplete ? ids : undefined });
  }, pollEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
