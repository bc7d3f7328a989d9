import { subjectKinds } from "../domain/usage.ts";
import type { UsageDatabase } from "../storage/engines/usage.ts";
import { type CountRow, type Name, nameKey, numberNames } from "./countStore.ts";
import type { Cell, Subject } from "./tally.ts";

const maxKnownTags = 20_000;

/** A tag's number, and the day on which it was last looked up, in days since 1970. */
type Known = { no: number; day: number };

/**
 * Looks up the numbers under which the database stores the names of subjects and tags. A look-up also marks the name as
 * used today. The numbers are kept in memory, so most names are looked up only once a day.
 */
export function numbering() {
  const tags = new Map<string, Known>();
  const workspaces = new Map<string, number>();

  function keep(subject: Subject, no: number, day: number): void {
    subject.no = no;
    subject.day = day;
    if (subject.kind === subjectKinds.workspace) workspaces.set(subject.workspaceId, no);
  }

  function addRows(rows: CountRow[], { workspaceId, kind, no }: Subject, cells: readonly Cell[]): void {
    const workspaceNo = workspaces.get(workspaceId);
    if (workspaceNo === undefined || no === 0) return;
    for (const { minute, tag, outcome, count, credits } of cells) {
      const tagNo = tag === undefined ? 0 : tags.get(nameKey(tagName(workspaceId, tag)))?.no;
      if (tagNo !== undefined) rows.push([workspaceNo, kind, minute, no, tagNo, outcome, count, credits]);
    }
  }

  return {
    /** Looks up the numbers of these subjects and of their tags, unless they were looked up on this `day` already. */
    async learn(database: UsageDatabase, waiting: readonly Subject[], day: number): Promise<void> {
      if (tags.size > maxKnownTags) tags.clear();
      const subjects = waiting.filter((subject) => subject.no === 0 || subject.day !== day);
      const ofTags = waiting.flatMap(tagsOf).filter((name) => tags.get(nameKey(name))?.day !== day);
      if (subjects.length + ofTags.length === 0) return;
      const numbers = await database.transaction((tx) => numberNames(tx, [...subjects, ...ofTags], day));
      for (const subject of subjects) keep(subject, numbers.get(nameKey(subject)) ?? 0, day);
      for (const name of ofTags) tags.set(nameKey(name), { no: numbers.get(nameKey(name)) ?? 0, day });
    },
    /** Returns the counts of these subjects as rows. Omits counts of subjects and tags that have no number yet. */
    rowsOf(subjects: readonly Subject[], cellsOf: (subject: Subject) => readonly Cell[]): CountRow[] {
      const rows: CountRow[] = [];
      for (const subject of subjects) addRows(rows, subject, cellsOf(subject));
      return rows;
    },
    forget: () => tags.clear(),
  };
}

function tagsOf({ workspaceId, tagged }: Subject): Name[] {
  if (tagged === undefined) return [];
  return [...tagged.values()].map(({ tag = "" }) => tagName(workspaceId, tag));
}

const tagName = (workspaceId: string, name: string): Name => ({ kind: subjectKinds.tag, workspaceId, name });
