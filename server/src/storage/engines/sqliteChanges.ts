/**
 * How a server on a SQLite file learns what commands such as `latchkey import` change: each of their commits stores the
 * ids of the records that it changes.
 */
import type { Database } from "bun:sqlite";
import { openSync, readSync, statSync } from "node:fs";
import type { ForeignChange } from "../engine.ts";
import type { Tx } from "../schema.ts";

const pollEveryMs = 250;
/** How many commits have their changes stored. A command commits less often between two polls of a server. */
export const keptChanges = 1_000;

/** What a process does so that a server learns of the changes of commands. */
export type Changes = {
  /** Begins a transaction of the writer. */
  begin(): void;
  /** Commits the transaction of the writer. */
  commit(): void;
  /** See `Engine`. */
  recordChanges(tx: Tx, ids: ReadonlySet<string>): Promise<void>;
  stop(): void;
};

/**
 * The part of a command. Each commit stores exactly one row, which is empty if no changes were recorded. The row may
 * also have ids whose transaction failed: evicting a record that has not changed does no harm.
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
 * The part of a server. Calls `report` when another process has changed the database. The server knows how many commits
 * all processes have made and how many of them are its own. If commands have stored a row for each of the others, these
 * rows have all changes. Otherwise anything may have changed: another program has written, or rows are deleted already.
 */
export function watchChanges(
  writer: Database,
  path: string,
  report: (change: ForeignChange) => void,
): Changes {
  // this number changes when another connection commits or empties the log
  const selectVersion = writer.query<{ data_version: number }, []>("pragma data_version");
  const selectAfter = writer.query<{ id: number; ids: string }, [number]>(
    `select "id", "ids" from "changes" where "id" > ? order by "id"`,
  );
  const header = headerOf(`${path}-shm`);
  const countCommits = () => (header === undefined ? undefined : commitsIn(header));
  const own = ownCommits(writer, countCommits);
  let lastVersion = selectVersion.get()?.data_version;
  let lastCommits = countCommits();
  let lastId =
    writer.query<{ id: number | null }, []>(`select max("id") as "id" from "changes"`).get()?.id ?? 0;

  function poll(): void {
    const commits = countCommits();
    const version = selectVersion.get()?.data_version;
    const hasChanged = version !== lastVersion;
    const rows = hasChanged ? selectAfter.all(lastId) : [];
    if (hasChanged && countCommits() !== commits) return; // the rows may be newer than the count: look again later
    const others = countOthers(commits, lastCommits, own.take());
    [lastVersion, lastCommits, lastId] = [version, commits, rows.at(-1)?.id ?? lastId];
    // if only the version has changed, a command has emptied the log
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

/** Returns the number of commits by other processes, or undefined if that is unknown. */
function countOthers(now: number | undefined, before: number | undefined, own: number): number | undefined {
  if (now === undefined || before === undefined) return undefined;
  return (now - before - own) >>> 0; // unsigned, as the count starts again at 0 after 2^32 - 1
}

const idsIn = (rows: readonly { ids: string }[]) =>
  rows.flatMap(({ ids }) => ids.split(" ")).filter((id) => id !== "");

/**
 * Runs transactions and counts those that SQLite commits. It commits nothing if no page has changed, even if rows were
 * updated with what they had. It must never count too many: the server would take the commit of another program for its
 * own. So both numbers must have changed; the count of all commits alone might show one of another program.
 */
function ownCommits(writer: Database, countCommits: () => number | undefined) {
  const selectTotal = writer.query<{ total: number }, []>(`select total_changes() as "total"`);
  let totalBefore: number | undefined;
  let count = 0;
  return {
    begin() {
      writer.run("begin immediate");
      totalBefore = selectTotal.get()?.total;
    },
    commit() {
      const before = countCommits(); // no other process can commit until this one has
      writer.run("commit");
      if (countCommits() !== before && selectTotal.get()?.total !== totalBefore) count += 1;
    },
    /** Returns the number of commits since the last call. */
    take(): number {
      const taken = count;
      count = 0;
      return taken;
    },
  };
}

/** The open headers by device and inode. */
const headers = new Map<string, number>();

/**
 * Opens the index of a write-ahead log. It is never closed, and opened only once: if a process closes a file, it loses all
 * its POSIX locks on it, and SQLite's locks are on this one. Returns undefined if it cannot be opened.
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

const indexVersion = 3_007_000;

/**
 * Reads the number of commits by all processes from the header of the index of SQLite's write-ahead log:
 * https://sqlite.org/walformat.html. It is undefined if the header cannot be read, or is not as described there.
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
