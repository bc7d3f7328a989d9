import { periodMs, subjectKinds } from "../domain/usage.ts";
import type { UsageDatabase } from "../storage/engines/usage.ts";
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
import { type Subject, takeCells, type tally } from "./tally.ts";

/** rows of one transaction: few enough that a query to the usage thread hardly waits for them */
const rowsPerBatch = 5_000;
/** the maximum number of rows that one flush saves; the rest waits for the next flush */
const rowsPerFlush = 25_000;
/** Storing a key's last use takes as long as storing its counts, so last uses are stored only with every eighth cut. */
const cutsPerUses = 8;
const maxUses = 200_000;
const maxKnownTags = 20_000;

type Tally = ReturnType<typeof tally>;
type Known = { no: number; day: number };

/**
 * Saves counts. A cut takes everything that was counted so far
 * and turns it into rows, which are then saved in batches.
 */
export function countSaver(counted: Tally) {
  const numbers = numbering();
  let rows: CountRow[] = [];
  const latest = latestUses();
  let uses: UseRow[] = [];
  let dropped = 0;

  /** Turns what was counted so far into rows. Errors: those of the database. Nothing is lost then. */
  async function cut(database: UsageDatabase, nowMs: number, withUses: boolean): Promise<void> {
    await numbers.learn(database, counted.waiting(), Math.floor(nowMs / periodMs.day));
    const subjects = counted.take();
    latest.add(subjects);
    rows = subjects.flatMap(numbers.rowsOf).sort(compareRows);
    uses = latest.take(withUses);
  }

  async function saveBatch(database: UsageDatabase): Promise<void> {
    const batch = { rows: rows.slice(0, rowsPerBatch), uses: uses.slice(0, rowsPerBatch) };
    try {
      await database.transaction(async (tx) => {
        await addMinutes(tx, batch.rows);
        await setLastUses(tx, batch.uses);
      });
    } catch (error) {
      if (!database.isOfOneRow(error)) throw error;
      dropped += batch.rows.length;
    }
    rows = rows.slice(rowsPerBatch);
    uses = uses.slice(rowsPerBatch);
  }

  /** whether a cut has rows that are not saved yet */
  const isHalfway = () => rows.length + uses.length > 0;
  return {
    dropped: () => dropped + counted.dropped(),
    /** the number of counts that are not stored yet */
    size: () => counted.size() + rows.length + uses.length + latest.size(),
    isHalfway,
    /** Looks up the numbers of all names again, since the next database may be another one. */
    forgetNumbers(): void {
      counted.forgetNumbers();
      numbers.forget();
    },
    /**
     * Saves the rows of the last cut, then what was counted since. Stops at `rowsPerFlush`, so that other work is not
     * delayed. Errors: those of the database. What was not saved waits for the next call.
     */
    async save(database: UsageDatabase, nowMs: number): Promise<void> {
      for (let saved = 0; saved < rowsPerFlush; saved += rowsPerBatch) {
        if (!isHalfway()) await cut(database, nowMs, false);
        if (!isHalfway()) return;
        await saveBatch(database);
      }
    },
    /** Saves everything that was counted. Errors: like `save`. */
    async saveAll(database: UsageDatabase, nowMs: number): Promise<void> {
      while (isHalfway()) await saveBatch(database);
      await cut(database, nowMs, true);
      while (isHalfway()) await saveBatch(database);
    },
  };
}

/** Collects the time of each key's last verification. */
function latestUses() {
  let latest = new Map<string, UseRow>();
  let calls = 0;
  return {
    add(subjects: readonly Subject[]): void {
      for (const { kind, workspaceId, name, lastMs } of subjects) {
        if (kind === subjectKinds.key && lastMs > 0) latest.set(name, [workspaceId, name, lastMs]);
      }
    },
    size: () => latest.size,
    /**
     * Drains the last uses if they are `wanted`, with every eighth call,
     * or if there are too many to keep. Otherwise returns nothing.
     */
    take(wanted: boolean): UseRow[] {
      calls += 1;
      if (!wanted && calls % cutsPerUses !== 0 && latest.size <= maxUses) return [];
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
    rowsOf(subject: Subject): CountRow[] {
      const { workspaceId, kind, no } = subject;
      const workspaceNo = workspaces.get(workspaceId) ?? 0;
      return takeCells(subject).map(({ minute, tag, outcome, count, credits }) => {
        const tagNo = tag === undefined ? 0 : (tags.get(nameKey(tagName(workspaceId, tag)))?.no ?? 0);
        return [workspaceNo, kind, minute, no, tagNo, outcome, count, credits];
      });
    },
    forget: () => tags.clear(),
  };
}

function tagsOf({ workspaceId, tagged }: Subject): Name[] {
  if (tagged === undefined) return [];
  return [...tagged.values()].map(({ tag = "" }) => tagName(workspaceId, tag));
}

const tagName = (workspaceId: string, name: string): Name => ({ kind: subjectKinds.tag, workspaceId, name });
