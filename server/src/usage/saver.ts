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

/** so few that a question to the usage thread hardly waits for them */
const rowsAtOnce = 5_000;
/** one flush saves at most this many; the others wait for the next */
const rowsPerFlush = 25_000;
/** More counts than these are added to their rows before their minute is over. */
const mostPending = 250_000;
/** The last use of a key takes as long to store as its counts, so it is stored less often. */
const usesEveryMs = 50_000;
const maxUses = 200_000;
const maxKnownTags = 20_000;

type Tally = ReturnType<typeof tally>;
type Known = { no: number; day: number };

/** What is saved in one transaction. `id`: of these counts among the pending ones. */
type Batch = { id: number; rows: readonly CountRow[]; uses: readonly UseRow[] };

/** Turns what was counted into rows, and saves them in batches. */
export function countSaver(counted: Tally) {
  const numbers = numbering();
  const latest = latestUses();
  let batches: Batch[] = [];
  /** whether the batches are not among the pending counts yet */
  let isUnwritten = false;
  let cutMinute = 0;
  let dropped = 0;

  /** Ends what is counted together. Errors: the database's. Nothing is lost. */
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

  /** What is counted but not cut, as far as its numbers are known. */
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
   * Of many counts, most are of subjects that are counted again within the minute, and adding to a row takes ten times as long as
   * writing it as pending.
   */
  function canWait({ isOwn }: UsageDatabase, nowMs: number): boolean {
    const size = counted.size();
    return isOwn && size > rowsAtOnce && size < mostPending && minuteOf(nowMs) === cutMinute;
  }

  const isHalfway = () => batches.length > 0;
  return {
    dropped: () => dropped + counted.dropped(),
    /** how many counts are not stored yet */
    size: () =>
      counted.size() +
      batches.reduce((sum, { rows, uses }) => sum + rows.length + uses.length, 0) +
      latest.size(),
    isHalfway,
    /** whether so many counts wait that they must be saved at once, before a new minute adds as many */
    isFull: (nowMs: number) =>
      counted.size() >= mostPending || (counted.size() > rowsAtOnce && minuteOf(nowMs) !== cutMinute),
    /** The database may be another one now. */
    forgetNumbers(): void {
      counted.forgetNumbers();
      numbers.forget();
    },
    /**
     * Saves the rows that wait, then what was counted since, but only so much that other work is not delayed. Many counts
     * of one minute are saved when it is over; until then they are pending.
     * Errors: the database's; what was not saved waits for the next call.
     */
    async save(database: UsageDatabase, nowMs: number): Promise<void> {
      if (!isHalfway() && canWait(database, nowMs)) {
        await numbers.learn(database, counted.waiting(), dayOf(nowMs));
        await database.transaction((tx) => writePending(tx, [{ id: 0, rows: uncut() }]));
        return;
      }
      for (let saved = 0; saved < rowsPerFlush; saved += rowsAtOnce) {
        if (!isHalfway()) {
          await cut(database, nowMs);
          cutMinute = minuteOf(nowMs);
        }
        if (!isHalfway()) return;
        await saveBatch(database);
      }
    },
    /** Saves everything. Errors: as `save`. */
    async saveAll(database: UsageDatabase, nowMs: number): Promise<void> {
      while (isHalfway()) await saveBatch(database);
      await cut(database, nowMs, { withUses: true });
      while (isHalfway()) await saveBatch(database);
    },
    /** Saves what was counted for some subjects, unless other rows wait already. Errors: as `save`. */
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
  const count = Math.ceil(Math.max(rows.length, uses.length) / rowsAtOnce);
  return Array.from({ length: count }, (_, id) => {
    const part = [id * rowsAtOnce, (id + 1) * rowsAtOnce] as const;
    return { id, rows: rows.slice(...part), uses: uses.slice(...part) };
  });
}

/** Collects when each key was last verified. */
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
    /** Returns everything it has now and then, if it is `wanted`, or if it is too much to be kept. Otherwise nothing. */
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

/** Knows the numbers of names that were stored today. */
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
