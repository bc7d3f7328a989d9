/**
 * How a server on a SQLite file learns what commands such as `latchkey import` change in the file: each commit of a
 * command stores the ids of the records that it changes, and the server polls for them.
 */
import type { Database } from "bun:sqlite";
import { openSync, readSync, statSync } from "node:fs";
import type { ForeignChange } from "../engine.ts";
import type { Tx } from "../schema.ts";

const pollEveryMs = 250;
/**
 * The number of commits whose changed ids are kept. Commands make fewer commits than this between two polls of a
 * server; if they make more, the server assumes that any record may have changed.
 */
export const keptChanges = 1_000;

/** How a process begins and commits its transactions, so that a server learns of the changes of commands. */
export type Changes = {
  /** Begins a transaction of the writer. */
  begin(): void;
  /** Commits the transaction of the writer. */
  commit(): void;
  /** See `recordChanges` of `Engine`. */
  recordChanges(tx: Tx, ids: ReadonlySet<string>): Promise<void>;
  stop(): void;
};

/**
 * What a command does. Each commit stores exactly one row, even if no changes were recorded: the server counts these
 * rows. A row may have ids from a transaction that failed. Such an id does no harm: the server evicts a record that has
 * not changed.
 */
export function storeChanges(writer: Database): Changes {
  const insert = writer.query(`insert into "changes" ("ids") values (?)`);
  const deleteUpTo = writer.query(`delete from "changes" where "id" <= ?`);
  const recorded = new Set<string>();
  return {
    begin: () => void writer.run("begin immediate"),
    commit() {
      const { lastInsertRowid } = insert.run([...recorded].join(" "));
      deleteUpTo.run(Number(lastInsertRowid) - keptChanges);
      writer.run("commit");
      recorded.clear();
    },
    async recordChanges(_tx, ids) {
      for (const id of ids) recorded.add(id);
    },
    stop: () => undefined,
  };
}

/**
 * What a server does. Calls `report` when another process has changed the database. The server knows how many commits
 * all processes have made, and how many of these commits are its own. If commands have stored one row for each of the
 * other commits, these rows have all changes. Otherwise any record may have changed: another program has written to the
 * file, or some of the rows are deleted already.
 */
export function watchChanges(
  writer: Database,
  path: string,
  report: (change: ForeignChange) => void,
): Changes {
  // changes when another connection commits or empties the write-ahead log
  const selectVersion = writer.query<{ data_version: number }, []>("pragma data_version");
  const selectAfter = writer.query<{ id: number; ids: string }, [number]>(
    `select "id", "ids" from "changes" where "id" > ? order by "id"`,
  );
  const header = headerOf(`${path}-shm`);
  const countCommits = () => (header === undefined ? undefined : commitsIn(header));
  const versionNow = () => selectVersion.get()?.data_version;
  const own = ownCommits(writer, countCommits, versionNow);
  let lastVersion = versionNow();
  let lastCommits = countCommits();
  let lastId =
    writer.query<{ id: number | null }, []>(`select max("id") as "id" from "changes"`).get()?.id ?? 0;

  function poll(): void {
    const commits = countCommits();
    const version = versionNow();
    const hasChanged = version !== lastVersion;
    const rows = hasChanged ? selectAfter.all(lastId) : [];
    // another process has just committed: read the count and the rows again at the next poll
    if (hasChanged && countCommits() !== commits) return;
    const others = countOtherCommits(commits, lastCommits, own.take());
    [lastVersion, lastCommits, lastId] = [version, commits, rows.at(-1)?.id ?? lastId];
    // if only the version has changed, another process has emptied the write-ahead log
    if (!hasChanged || (others === 0 && rows.length === 0)) return;
    report({ ids: others === rows.length ? idsIn(rows) : undefined });
  }

  const timer = setInterval(poll, pollEveryMs);
  timer.unref();
  return {
    begin: own.begin,
    commit: own.commit,
    recordChanges: async () => undefined,
    stop: () => clearInterval(timer),
  };
}

/** Returns how many of the commits since the last poll are of other processes, or undefined if that is unknown. */
function countOtherCommits(
  now: number | undefined,
  before: number | undefined,
  own: number,
): number | undefined {
  if (now === undefined || before === undefined) return undefined;
  return (now - before - own) >>> 0; // unsigned, because the count of commits restarts at 0 after 2^32 - 1
}

const idsIn = (rows: readonly { ids: string }[]) =>
  rows.flatMap(({ ids }) => ids.split(" ")).filter((id) => id !== "");

/**
 * Runs the server's transactions and counts how many of them SQLite really commits. SQLite commits nothing if no page
 * has changed, even if a statement has updated a row to the values that it already had. A transaction counts only if it
 * changed rows, the number of all commits has grown, and no other connection has committed since the transaction began.
 * If too many were counted, the server would miss a change of another program. If too few are counted, the server only
 * assumes once that any record may have changed.
 */
function ownCommits(
  writer: Database,
  countCommits: () => number | undefined,
  versionNow: () => number | undefined,
) {
  const selectTotal = writer.query<{ total: number }, []>(`select total_changes() as "total"`);
  const changedRows = () => selectTotal.get()?.total; // since the connection was opened
  let before: { rows: number | undefined; version: number | undefined } | undefined;
  let count = 0;
  return {
    begin() {
      writer.run("begin immediate");
      before = { rows: changedRows(), version: versionNow() };
    },
    commit() {
      const commits = countCommits(); // exact, because no other process can commit before this one
      writer.run("commit");
      if (countCommits() === commits || changedRows() === before?.rows) return;
      if (versionNow() === before?.version) count += 1;
    },
    /** Returns the number of commits since the last call. */
    take(): number {
      const taken = count;
      count = 0;
      return taken;
    },
  };
}

/** The file descriptors of the opened indexes, by device and inode. */
const headers = new Map<string, number>();

/**
 * Opens the index of a write-ahead log, which begins with a header. A process opens each index only once and never
 * closes it: a process that closes a file loses all its POSIX locks on the file, and SQLite's locks are on the index.
 * Returns undefined if the index cannot be opened.
 */
function headerOf(path: string): number | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    const known = headers.get(`${dev} ${ino}`);
    if (known !== undefined) return known;
    const file = openSync(path, "r");
    headers.set(`${dev} ${ino}`, file);
    return file;
  } catch {
    return undefined;
  }
}

/** the version of the index's format, as SQLite writes it into the header */
const indexVersion = 3_007_000;

/**
 * Reads the number of commits by all processes from the header of the index of SQLite's write-ahead log:
 * https://sqlite.org/walformat.html. Returns undefined if the header cannot be read, or has another format.
 */
function commitsIn(file: number): number | undefined {
  const header = new Uint32Array(3); // in the byte order of the machine
  try {
    const bytes = readSync(file, header, 0, header.byteLength, 0);
    const [version, , commits] = header;
    return bytes === header.byteLength && version === indexVersion ? commits : undefined;
  } catch {
    return undefined;
  }
}
