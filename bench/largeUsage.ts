import { Database } from "bun:sqlite";
import { idMaker } from "../server/src/domain/ids.ts";
import {
  outcomes,
  periodMs,
  subjectKinds,
  type UsageEvent,
  type UsageOutcome,
} from "../server/src/domain/usage.ts";
import { randomBytes } from "../server/src/runtime.ts";
import { openUsageDatabase, type UsageDatabase } from "../server/src/storage/engines/usage.ts";
import { insertBlocks, markStart, shares } from "../server/src/usage/blocks.ts";
import {
  addUp,
  type CountRow,
  type CountTable,
  compareRows,
  countColumns,
} from "../server/src/usage/countStore.ts";
import { lineOf } from "../server/src/usage/lines.ts";
import { databaseAt } from "../server/test/databaseAt.ts";

const eventCount = 10_000_000;
const eventsPerBlock = 400;
/** As on a server, usage of identities and keys is per minute for the last three hours, and per hour before that. */
const minutesKeptMs = 3 * periodMs.hour;
const kinds = ["workspace", "tag", "api", "namespace", "identity", "key"] as const;
type Kind = (typeof kinds)[number];

/**
 * What usage is counted for: ids by kind. The database has a number for each id: `ids[i]` has the number `first + i`.
 */
type Subjects = Record<Kind, { ids: string[]; first: number }>;

/**
 * Stores ten million usage events, spread over the 24 hours before `nowMs`, and their counts, as a server would have
 * stored them. Some keys are used far more than others: 1 % of them have 20 % of the events.
 */
export async function fillUsage(path: string, nowMs: number): Promise<void> {
  const subjects = readSubjects(path);
  const database = await openUsageDatabase(databaseAt(`file:${path}`));
  const startMs = nowMs - periodMs.day;
  await markStart(database, startMs);
  await insertNames(database, subjects, Math.floor(nowMs / periodMs.day));
  const counts = allCounts(database, subjects, nowMs);
  const newId = idMaker(randomBytes);
  const lastUses = new Float64Array(subjects.key.ids.length);
  for (let done = 0; done < eventCount; done += eventsPerBlock) {
    const atMs = startMs + Math.floor((done * periodMs.day) / eventCount);
    const made = Array.from({ length: eventsPerBlock }, (_, index) =>
      eventAt(done + index, atMs, newId("req", atMs), subjects),
    );
    await counts.startAt(atMs);
    for (const one of made) {
      counts.add(one);
      if (one.places.key !== undefined) lastUses[one.places.key] = atMs;
    }
    const text = made.map(({ event }, index) => lineOf(event, done + index)).join("");
    const workspaceId = subjects.workspace.ids[0] ?? "";
    const lines = { workspaceId, share: shares.known, startMs: atMs, endMs: atMs, count: made.length, text };
    await insertBlocks(database, [lines], () => newId("log", atMs));
  }
  await counts.startAt(Number.POSITIVE_INFINITY);
  await insertLastUses(database, subjects, lastUses);
  await database.close();
}

/**
 * Counts usage per minute or hour. There are many keys and identities, so their counts per minute are kept for a
 * shorter time.
 */
function allCounts(database: UsageDatabase, subjects: Subjects, nowMs: number) {
  const few = countsOf(database, subjects, () => "usageMinutes");
  const many = countsOf(database, subjects, (atMs) =>
    atMs < nowMs - minutesKeptMs ? "usageHours" : "usageMinutes",
  );
  return {
    async startAt(atMs: number): Promise<void> {
      await few.startAt(atMs);
      await many.startAt(atMs);
    },
    add({ event, places }: Made): void {
      for (const [kind, place] of Object.entries(places) as [Kind, number][]) {
        (kind === "key" || kind === "identity" ? many : few).add(kind, place, event);
      }
    },
  };
}

function readSubjects(path: string): Subjects {
  const database = new Database(path, { readonly: true });
  const idsOf = (table: string) =>
    database
      .query<{ id: string }, []>(`select "id" from "${table}" order by "id"`)
      .all()
      .map(({ id }) => id);
  const lists: Record<Kind, string[]> = {
    workspace: idsOf("workspaces"),
    tag: Array.from({ length: 50 }, (_, index) => `path=/v1/files/${index}`),
    api: idsOf("apis"),
    namespace: idsOf("namespaces"),
    identity: idsOf("identities"),
    key: idsOf("keys"),
  };
  database.close();
  let first = 1;
  const numbered = kinds.map((kind) => {
    const ids = lists[kind];
    first += ids.length;
    return [kind, { ids, first: first - ids.length }] as const;
  });
  return Object.fromEntries(numbered) as Subjects;
}

async function insertNames(database: UsageDatabase, subjects: Subjects, day: number): Promise<void> {
  const workspaceId = subjects.workspace.ids[0] ?? "";
  const columns = { id: "int64", kind: "int64", workspaceId: "text", name: "text", day: "int64" } as const;
  const rows = kinds.flatMap((kind) => {
    const { ids, first } = subjects[kind];
    return ids.map((name, index) => [first + index, subjectKinds[kind], workspaceId, name, day]);
  });
  await database.transaction((tx) => tx.insert({ table: "usageNames", columns, end: "" }, rows));
}

async function insertLastUses(
  database: UsageDatabase,
  subjects: Subjects,
  lastUses: Float64Array,
): Promise<void> {
  const workspaceId = subjects.workspace.ids[0] ?? "";
  const columns = { workspaceId: "text", keyId: "text", atMs: "int64" } as const;
  const rows = subjects.key.ids.flatMap((id, index) => {
    const atMs = lastUses[index] ?? 0;
    return atMs === 0 ? [] : [[workspaceId, id, atMs]];
  });
  await database.transaction((tx) => tx.insert({ table: "lastUses", columns, end: "" }, rows));
}

const mostTags = 64;
const mostOutcomes = 16;

/** Counts the events of one minute or hour in memory. Stores the counts when the next minute or hour begins. */
function countsOf(database: UsageDatabase, subjects: Subjects, tableAt: (atMs: number) => CountTable) {
  const columns = Object.fromEntries(countColumns.map((name) => [name, "int64" as const]));
  let cells = new Map<number, number>();
  let current: { table: CountTable; start: number } | undefined;

  async function store(): Promise<void> {
    if (current === undefined) return;
    const { table, start } = current;
    const rows = [...cells].map(([cell, count]) => rowOf(cell, start, count)).sort(compareRows);
    await database.transaction((tx) => tx.insert({ table, columns, end: addUp(table) }, rows));
    cells = new Map();
  }

  return {
    async startAt(atMs: number): Promise<void> {
      const table = tableAt(atMs);
      const start = Math.floor(atMs / (table === "usageHours" ? periodMs.hour : periodMs.minute));
      if (current?.table === table && current.start === start) return;
      await store();
      current = { table, start };
    },
    add(kind: Kind, place: number, { outcome, tags: [tag] }: UsageEvent): void {
      const no = (subjects[kind].first + place) * kinds.length + kinds.indexOf(kind);
      const tagNo = tag === undefined ? 0 : subjects.tag.first + subjects.tag.ids.indexOf(tag);
      for (const one of tagNo === 0 ? [0] : [0, tagNo]) {
        const cell = (no * mostTags + one) * mostOutcomes + outcomes.indexOf(outcome as UsageOutcome);
        cells.set(cell, (cells.get(cell) ?? 0) + 1);
      }
    },
  };
}

function rowOf(cell: number, start: number, count: number): CountRow {
  const tagged = Math.floor(cell / mostOutcomes);
  const numbered = Math.floor(tagged / mostTags);
  const kind = subjectKinds[kinds[numbered % kinds.length] ?? "key"];
  return [
    1,
    kind,
    start,
    Math.floor(numbered / kinds.length),
    tagged % mostTags,
    cell % mostOutcomes,
    count,
    0,
  ];
}

type Made = { event: UsageEvent; places: Partial<Record<Kind, number>> };

/**
 * Creates an event. Every tenth event is a call of `ratelimit.limit`, every twentieth is a refused verification, and
 * every fifth is a verification with a tag.
 */
function eventAt(sequence: number, atMs: number, requestId: string, subjects: Subjects): Made {
  const common = { atMs, workspaceId: subjects.workspace.ids[0] ?? "", requestId, credits: 0 };
  if (sequence % 10 === 0) {
    const namespace = skewed(subjects.namespace.ids.length);
    const identifier = `user_${skewed(subjects.identity.ids.length)}`;
    const namespaceId = subjects.namespace.ids[namespace];
    const outcome = sequence % 200 === 0 ? "REFUSED" : "PASSED";
    return {
      event: { ...common, namespaceId, identifier, outcome, tags: [] },
      places: { workspace: 0, namespace },
    };
  }
  const key = skewed(subjects.key.ids.length);
  const places = { workspace: 0, key, identity: Math.floor(key / 10), api: key % subjects.api.ids.length };
  const ids = {
    keyId: subjects.key.ids[key],
    identityId: subjects.identity.ids[places.identity],
    apiId: subjects.api.ids[places.api],
  };
  const tags = sequence % 5 === 2 ? [subjects.tag.ids[(sequence * 7) % subjects.tag.ids.length] ?? ""] : [];
  const why = { check: "ratelimit", name: "requests", limit: 1_000_000, durationMs: 60_000 } as const;
  if (sequence % 20 === 1)
    return { event: { ...common, ...ids, outcome: "RATE_LIMITED", why, tags }, places };
  const outcome = sequence % 100_000 === 3 ? "DISABLED" : "VALID";
  return { event: { ...common, ...ids, outcome, tags }, places };
}

function skewed(count: number): number {
  return Math.floor(count * Math.random() ** 3);
}
