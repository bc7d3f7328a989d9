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

/** so few that a question to the usage thread hardly waits for them */
const rowsAtOnce = 5_000;
/** one flush saves at most this many; the others wait for the next */
const rowsPerFlush = 25_000;
/** The last use of a key takes as long to store as its counts, so it is stored less often. */
const cutsPerUses = 8;
const maxUses = 200_000;
const maxKnownTags = 20_000;

type Tally = ReturnType<typeof tally>;
type Known = { no: number; day: number };

/** Turns what was counted into rows, and saves them in batches. */
export function countSaver(counted: Tally) {
  const numbers = numbering();
  let rows: CountRow[] = [];
  const latest = latestUses();
  let uses: UseRow[] = [];
  let dropped = 0;

  /** Errors: the database's. Nothing is lost. */
  async function cut(database: UsageDatabase, nowMs: number, withUses: boolean): Promise<void> {
    await numbers.learn(database, counted.waiting(), Math.floor(nowMs / periodMs.day));
    const subjects = counted.take();
    latest.add(subjects);
    rows = subjects.flatMap(numbers.rowsOf).sort(compareRows);
    uses = latest.take(withUses);
  }

  async function saveBatch(database: UsageDatabase): Promise<void> {
    const batch = { rows: rows.slice(0, rowsAtOnce), uses: uses.slice(0, rowsAtOnce) };
    try {
      await database.transaction(async (tx) => {
        await addMinutes(tx, batch.rows);
        await setLastUses(tx, batch.uses);
      });
    } catch (error) {
      if (!database.isOfOneRow(error)) throw error;
      dropped += batch.rows.length;
    }
    rows = rows.slice(rowsAtOnce);
    uses = uses.slice(rowsAtOnce);
  }

  const isHalfway = () => rows.length + uses.length > 0;
  return {
    dropped: () => dropped + counted.dropped(),
    /** how many counts are not stored yet */
    size: () => counted.size() + rows.length + uses.length + latest.size(),
    isHalfway,
    /** The database may be another one now. */
    forgetNumbers(): void {
      counted.forgetNumbers();
      numbers.forget();
    },
    /**
     * Saves the rows that wait, then what was counted since, but only so much that other work is not delayed.
     * Errors: the database's; what was not saved waits for the next call.
     */
    async save(database: UsageDatabase, nowMs: number): Promise<void> {
      for (let saved = 0; saved < rowsPerFlush; saved += rowsAtOnce) {
        if (!isHalfway()) await cut(database, nowMs, false);
        if (!isHalfway()) return;
        await saveBatch(database);
      }
    },
    /** Saves everything. Errors: as `save`. */
    async saveAll(database: UsageDatabase, nowMs: number): Promise<void> {
      while (isHalfway()) await saveBatch(database);
      await cut(database, nowMs, true);
      while (isHalfway()) await saveBatch(database);
    },
  };
}

/** Collects when each key was last verified. */
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
    /** Returns everything it has at every few calls, if it is `wanted`, or if it is too much to be kept. Otherwise nothing. */
    take(wanted: boolean): UseRow[] {
      calls += 1;
      if (!wanted && calls % cutsPerUses !== 0 && latest.size <= maxUses) return [];
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
