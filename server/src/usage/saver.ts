import { periodMs, subjectKinds } from "../domain/usage.ts";
import type { UsageDatabase, UsageSql } from "../storage/engines/usage.ts";
import {
  addMinutes,
  type CountRow,
  compareRows,
  type Name,
  nameKey,
  numberNames,
  setLastUses,
  type UseRow,
} from "./countStore.ts";
import { deletePending, writePending } from "./pending.ts";
import { type Cell, cellsOf, type Subject, takeCells, type tally } from "./tally.ts";

/** rows of one transaction: few enough that a query to the usage thread hardly waits for them */
const rowsPerBatch = 5_000;
/** the maximum number of rows that one flush saves; the rest waits for the next flush */
const rowsPerFlush = 25_000;
/** the number of waiting counts at which a cut does not wait for the end of the minute */
const mostPending = 250_000;
/** Storing a key's last use takes as long as storing its counts, so last uses are stored less often. */
const usesEveryMs = 50_000;
const maxUses = 200_000;
const maxKnownTags = 20_000;

type Tally = ReturnType<typeof tally>;
type Known = { no: number; day: number };

/** Rows that are saved in one transaction. `id` is that of the same counts in the pending rows. */
type Batch = { id: number; rows: readonly CountRow[]; uses: readonly UseRow[] };

/**
 * Saves counts. A cut takes what was counted so far and turns it into rows, which are then saved in batches. Many counts are
 * cut once a minute; between two cuts, they are written as pending.
 */
export function countSaver(counted: Tally) {
  const numbers = numbering();
  const latest = latestUses();
  let batches: Batch[] = [];
  /** whether the pending rows are those from before the cut */
  let isUnwritten = false;
  let cutMinute = 0;
  let dropped = 0;

  /** Turns what was counted so far into rows. Errors: those of the database. Nothing is lost then. */
  async function cut(
    database: UsageDatabase,
    nowMs: number,
    { withUses = false, isWanted = anySubject } = {},
  ): Promise<void> {
    await numbers.learn(database, counted.waiting().filter(isWanted), dayOf(nowMs));
    const subjects = counted.take(isWanted);
    latest.add(subjects);
    const rows: CountRow[] = [];
    for (const subject of subjects) numbers.addRows(rows, subject, takeCells(subject));
    rows.sort(compareRows);
    batches = batchesOf(rows, latest.take(nowMs, withUses));
    isUnwritten = true;
  }

  /** Returns rows of what was counted since the last cut, without names that have no number yet. */
  function uncut(): CountRow[] {
    const rows: CountRow[] = [];
    for (const subject of counted.waiting()) numbers.addRows(rows, subject, cellsOf(subject));
    return rows;
  }

  async function saveBatch(database: UsageDatabase): Promise<void> {
    if (database.isOwn && isUnwritten && batches.length > 1) {
      await database.transaction((tx) =>
        writePending(tx, [...batches, { id: batches.length, rows: uncut() }]),
      );
      isUnwritten = false;
    }
    const [batch] = batches;
    if (batch === undefined) return;
    const settle = async (sql: UsageSql) => {
      if (!database.isOwn) return;
      if (isUnwritten) await writePending(sql, [{ id: 0, rows: uncut() }]);
      else await deletePending(sql, batch.id);
    };
    try {
      await database.transaction(async (tx) => {
        await addMinutes(tx, batch.rows);
        await setLastUses(tx, batch.uses);
        await settle(tx);
      });
    } catch (error) {
      if (!database.isOfOneRow(error)) throw error;
      dropped += batch.rows.length;
      await settle(database);
    }
    batches = batches.slice(1);
  }

  /**
   * Whether the counts can be written as pending instead of saved. Most of many subjects are counted again within the
   * minute, and adding to a row takes ten times as long as writing it as pending.
   */
  function canWait({ isOwn }: UsageDatabase, nowMs: number): boolean {
    const size = counted.size();
    return isOwn && size > rowsPerBatch && size < mostPending && minuteOf(nowMs) === cutMinute;
  }

  const isHalfway = () => batches.length > 0;
  return {
    dropped: () => dropped + counted.dropped(),
    /** the number of counts that are not stored yet */
    size: () =>
      counted.size() +
      batches.reduce((sum, { rows, uses }) => sum + rows.length + uses.length, 0) +
      latest.size(),
    isHalfway,
    /** whether a cut is due at once: a new minute may add as many counts as wait already */
    isFull: (nowMs: number) =>
      counted.size() >= mostPending || (counted.size() > rowsPerBatch && minuteOf(nowMs) !== cutMinute),
    /** Looks up the numbers of all names again, since the next database may be another one. */
    forgetNumbers(): void {
      counted.forgetNumbers();
      numbers.forget();
    },
    /**
     * Saves the rows of the last cut, then what was counted since. Stops at `rowsPerFlush`, so that other work is not
     * delayed. If many counts of the current minute wait, writes them as pending instead.
     * Errors: those of the database. What was not saved waits for the next call.
     */
    async save(database: UsageDatabase, nowMs: number): Promise<void> {
      if (!isHalfway() && canWait(database, nowMs)) {
        await numbers.learn(database, counted.waiting(), dayOf(nowMs));
        await database.transaction((tx) => writePending(tx, [{ id: 0, rows: uncut() }]));
        return;
      }
      for (let saved = 0; saved < rowsPerFlush; saved += rowsPerBatch) {
        if (!isHalfway()) {
          await cut(database, nowMs);
          cutMinute = minuteOf(nowMs);
        }
        if (!isHalfway()) return;
        await saveBatch(database);
      }
    },
    /** Saves everything that was counted. Errors: like `save`. */
    async saveAll(database: UsageDatabase, nowMs: number): Promise<void> {
      while (isHalfway()) await saveBatch(database);
      await cut(database, nowMs, { withUses: true });
      while (isHalfway()) await saveBatch(database);
    },
    /** Saves what was counted for the wanted subjects, unless rows of an earlier cut wait. Errors: like `save`. */
    async saveOnly(
      database: UsageDatabase,
      nowMs: number,
      isWanted: (subject: Subject) => boolean,
    ): Promise<void> {
      if (isHalfway()) return;
      await cut(database, nowMs, { isWanted });
      if (isHalfway()) await saveBatch(database);
    },
  };
}

const anySubject = (_: Subject): boolean => true;
const dayOf = (ms: number) => Math.floor(ms / periodMs.day);
const minuteOf = (ms: number) => Math.floor(ms / periodMs.minute);

function batchesOf(rows: readonly CountRow[], uses: readonly UseRow[]): Batch[] {
  const count = Math.ceil(Math.max(rows.length, uses.length) / rowsPerBatch);
  return Array.from({ length: count }, (_, id) => {
    const part = [id * rowsPerBatch, (id + 1) * rowsPerBatch] as const;
    return { id, rows: rows.slice(...part), uses: uses.slice(...part) };
  });
}

/** Collects the time of each key's last verification. */
function latestUses() {
  let latest = new Map<string, UseRow>();
  let takenMs = 0;
  return {
    add(subjects: readonly Subject[]): void {
      for (const { kind, workspaceId, name, lastMs } of subjects) {
        if (kind === subjectKinds.key && lastMs > 0) latest.set(name, [workspaceId, name, lastMs]);
      }
    },
    size: () => latest.size,
    /**
     * Drains the last uses if they are `wanted`, if they were not drained for
     * a while, or if there are too many to keep. Otherwise returns nothing.
     */
    take(nowMs: number, wanted: boolean): UseRow[] {
      const isTooEarly = Math.abs(nowMs - takenMs) < usesEveryMs;
      if (!wanted && isTooEarly && latest.size <= maxUses) return [];
      takenMs = nowMs;
      const taken = [...latest.values()].sort(([, one], [, other]) => (one < other ? -1 : 1));
      latest = new Map();
      return taken;
    },
  };
}

/** Looks up the numbers of names, and remembers those of names that are already marked as used today. */
function numbering() {
  const tags = new Map<string, Known>();
  const workspaces = new Map<string, number>();

  function keep(subject: Subject, no: number, day: number): void {
    subject.no = no;
    subject.day = day;
    if (subject.kind === subjectKinds.workspace) workspaces.set(subject.workspaceId, no);
  }

  return {
    async learn(database: UsageDatabase, waiting: readonly Subject[], day: number): Promise<void> {
      if (tags.size > maxKnownTags) tags.clear();
      const subjects = waiting.filter((subject) => subject.no === 0 || subject.day !== day);
      const ofTags = waiting.flatMap(tagsOf).filter((name) => tags.get(nameKey(name))?.day !== day);
      if (subjects.length + ofTags.length === 0) return;
      const numbers = await database.transaction((tx) => numberNames(tx, [...subjects, ...ofTags], day));
      for (const subject of subjects) keep(subject, numbers.get(nameKey(subject)) ?? 0, day);
      for (const name of ofTags) tags.set(nameKey(name), { no: numbers.get(nameKey(name)) ?? 0, day });
    },
    /** Adds the rows of these counts, but not those of a subject or a tag that has no number yet. */
    addRows(rows: CountRow[], { workspaceId, kind, no }: Subject, cells: readonly Cell[]): void {
      const workspaceNo = workspaces.get(workspaceId);
      if (workspaceNo === undefined || no === 0) return;
      for (const { minute, tag, outcome, count, credits } of cells) {
        const tagNo = tag === undefined ? 0 : tags.get(nameKey(tagName(workspaceId, tag)))?.no;
        if (tagNo !== undefined) rows.push([workspaceNo, kind, minute, no, tagNo, outcome, count, credits]);
      }
    },
    forget: () => tags.clear(),
  };
}

function tagsOf({ workspaceId, tagged }: Subject): Name[] {
  if (tagged === undefined) return [];
  return [...tagged.values()].map(({ tag = "" }) => tagName(workspaceId, tag));
}

const tagName = (workspaceId: string, name: string): Name => ({ kind: subjectKinds.tag, workspaceId, name });
