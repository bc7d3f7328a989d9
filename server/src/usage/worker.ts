/** The script of the usage thread. It stores and reads usage over its own database connection. */
import type { DatabaseAddress } from "../domain/databaseAddress.ts";
import { idMaker } from "../domain/ids.ts";
import { subjectKinds } from "../domain/usage.ts";
import { monotonicMs, randomBytes } from "../runtime.ts";
import { openUsageDatabase, type UsageDatabase } from "../storage/engines/usage.ts";
import { followOrders } from "../storage/workerThread.ts";
import { everyWorkspace } from "./blocks.ts";
import { queryLastUses, queryUsage, queryUsedKeys } from "./countReader.ts";
import { setLastUses, type UseRow } from "./countStore.ts";
import { findEvents } from "./eventReader.ts";
import { blockMerger } from "./merging.ts";
import type { LastUseToStore, UsageOrder, UsageOrderOf, UsageQuery, UsageResults } from "./orders.ts";
import { addPending } from "./pending.ts";
import { passedReader } from "./repeats.ts";
import { countSaver } from "./saver.ts";
import { type Subject, tally } from "./tally.ts";
import { findTop, findTopIdentifiers } from "./topReader.ts";
import { topSums } from "./topSums.ts";
import { deleteOldEvents, keepWithin, moveOld } from "./upkeep.ts";
import { waitingEvents } from "./waitingEvents.ts";

/**
 * Where and how usage is stored: in `database` if it is PostgreSQL, in a file beside `database` if it is SQLite.
 * `maxBytes` is the disk space that usage may take. `eventsKeptMs` says how long events are kept: 0 for not at all,
 * undefined for as long as there is space.
 */
export type UsagePlace = { database: DatabaseAddress; maxBytes: number; eventsKeptMs: number | undefined };

/**
 * Counts are saved with every 14th `add` order. While there is something to store, an `add` order comes twice a
 * second, so counts are usually saved within 10 seconds.
 */
const ordersPerSave = 14;
/** Old rows are moved and deleted, and the disk space is checked, with every 20th `add` order. */
const ordersPerUpkeep = 20;
/** Before a query about counts, all counts in memory are saved, unless there are more than this. */
const fewCounts = 20_000;

const newId = idMaker(randomBytes);
const newBlockId = () => newId("log", Date.now());
const counted = tally();
const sums = topSums(monotonicMs);
const counts = countSaver(counted, sums.add);
const events = waitingEvents(newBlockId);
const merger = blockMerger(newBlockId);
let database: Promise<UsageDatabase> | undefined;
let isPendingAdded = false;
let orders = 0;
let nowMs = 0;
let evicted = 0;

followOrders<UsagePlace, UsageOrder>(async (order, place) => {
  if (order.kind === "add") ingest(order, place);
  try {
    database ??= openDatabase(place);
    return [await follow(await database, order, place)];
  } catch (error) {
    disconnect(); // the next order opens a new connection
    if (order.kind === "add") return [addResult()];
    throw error;
  }
});

/**
 * Opens the database. The first time, adds the counts that a killed server left in `usagePending` to the count tables.
 * Later, that table only has copies of counts that this thread still has in memory.
 */
async function openDatabase({ database: address }: UsagePlace): Promise<UsageDatabase> {
  const opened = await openUsageDatabase(address);
  try {
    if (opened.isOnlyWriter && !isPendingAdded) await addPending(opened);
  } catch (error) {
    await opened.close(); // the next order opens another connection
    throw error;
  }
  isPendingAdded = true;
  return opened;
}

/** Drops the connection. Does not wait until it is closed, because closing a hung connection may never finish. */
function disconnect(): void {
  const failed = database;
  database = undefined;
  sums.clear();
  counts.forgetNumbers(); // a new database in memory assigns other numbers to names
  failed?.then(({ close }) => close()).catch(() => undefined);
}

async function follow(
  usage: UsageDatabase,
  order: UsageOrder,
  place: UsagePlace,
): Promise<UsageResults[UsageOrder["kind"]]> {
  switch (order.kind) {
    case "add":
      await store(usage);
      await maintain(usage, order.steadyMs, place);
      return addResult();
    case "touch":
      await usage.transaction((tx) => setLastUses(tx, usesOf(order.uses)));
      return undefined;
    case "save":
      await counts.saveAll(usage, nowMs);
      return undefined;
    case "events":
      return findEvents(usage, order.query);
    case "topIdentifiers":
      return findTopIdentifiers(usage, order.query);
    default:
      await saveIfPossible(() => saveFor(usage, order));
      return askCounts(usage, order);
  }
}

/**
 * Saves counts before a query. If the disk is full, the counts wait in memory for the next attempt, and the result of
 * the query does not include them.
 */
async function saveIfPossible(save: () => Promise<void>): Promise<void> {
  try {
    await save();
  } catch (error) {
    if (!/full/i.test(String(error))) throw error;
  }
}

type CountsOrder = UsageOrderOf<"query" | "top" | "usedKeys" | "lastUses">;

/**
 * Saves the counts in memory before a query. If there are many, saves only those that a `query` order reads, and none
 * for other orders.
 */
async function saveFor(usage: UsageDatabase, order: CountsOrder): Promise<void> {
  if (counts.size() <= fewCounts) await counts.saveAll(usage, nowMs);
  else if (order.kind === "query") await counts.saveOnly(usage, nowMs, (one) => isAbout(order.query, one));
}

/** Whether a query may read the counts of this subject. A query about a workspace may read the counts of its apis. */
function isAbout({ workspaceId, subject }: UsageQuery, { workspaceId: ownId, kind, name }: Subject): boolean {
  if (workspaceId !== ownId) return false;
  return name === subject.id || kind === subjectKinds.workspace || kind === subjectKinds.api;
}

/**
 * Returns last uses as rows, sorted by key. Nodes that store last uses of the same keys then lock the rows in the same
 * order, and never deadlock.
 */
function usesOf(uses: readonly LastUseToStore[]): UseRow[] {
  const rows = uses.map(({ workspaceId, keyId, atMs }): UseRow => [workspaceId, keyId, atMs]);
  return rows.sort(([, one], [, other]) => (one < other ? -1 : 1));
}

function askCounts(usage: UsageDatabase, order: CountsOrder) {
  switch (order.kind) {
    case "top":
      return findTop(usage, order.query, usage.isOnlyWriter ? { sums, isRest: order.isRest } : undefined);
    case "query":
      return queryUsage(usage, order.query);
    case "usedKeys":
      return queryUsedKeys(usage, order.query);
    case "lastUses":
      return queryLastUses(usage, order.workspaceId, order.keyIds);
  }
}

function ingest(order: UsageOrder & { kind: "add" }, { eventsKeptMs }: UsagePlace): void {
  nowMs = order.nowMs;
  if (order.lostUntilMs !== undefined) events.noteGap(everyWorkspace, order.lostUntilMs + 1);
  if (eventsKeptMs === 0) events.noteGap(everyWorkspace, nowMs);
  const { read, isAtEnd } = passedReader(order.text);
  while (!isAtEnd()) {
    const { event, line } = read();
    counted.add(event);
    if (eventsKeptMs === 0) continue;
    events.add(event.workspaceId, event.outcome === "NOT_FOUND", event.atMs, line);
  }
}

async function store(usage: UsageDatabase): Promise<void> {
  orders += 1;
  for (const { lines, head } of await events.store(usage)) merger.remember(lines, head);
  await merger.merge(usage);
  const isDue = counts.isHalfway() || counts.isFull(nowMs) || orders % ordersPerSave === 0;
  if (isDue) await counts.save(usage, nowMs);
}

/**
 * Moves and deletes old rows, and keeps usage within `maxBytes`. If `steadyMs` is undefined, no row is moved or
 * deleted because of its age.
 */
async function maintain(
  usage: UsageDatabase,
  steadyMs: number | undefined,
  { maxBytes, eventsKeptMs }: UsagePlace,
): Promise<void> {
  if (orders % ordersPerUpkeep !== 1) return;
  sums.forgetUnused();
  if (steadyMs !== undefined) {
    await moveOld(usage, steadyMs, sums.forget);
    if (eventsKeptMs !== undefined) await deleteOldEvents(usage, steadyMs - eventsKeptMs);
  }
  evicted += await keepWithin(usage, maxBytes, sums.forget);
}

/** The result of an `add` order, see `UsageResults`. */
const addResult = (): UsageResults["add"] => ({
  events: events.dropped(),
  counts: counts.dropped(),
  evicted,
  isWaiting: counts.size() > 0 || events.isWaiting(),
});
