import { outcomes, periodMs, subjectKinds } from "../domain/usage.ts";
import type { UsageSql } from "../storage/engines/usage.ts";
import type { CountRow } from "./countStore.ts";
import { sumsByNumber } from "./sumsByNumber.ts";
import type { NumberedCount, TopQuery } from "./tops.ts";
import type { Slice } from "./upkeep.ts";

/**
 * `bytes`: the memory that all sums may take, which is enough for those of three million keys. `rows`: after reading
 * this many rows, a call reads no further hour, so that it hardly delays other work of the usage thread.
 */
const limits = { bytes: 64 * 1024 * 1024, rows: 100_000 };
/** The maximum number of windows. Each stored count is compared with all of them, which hardly takes time. */
const mostWindows = 32;
/** The maximum length of a window. Counts by hour are kept for less time, but a wrong clock may have misdated some. */
const mostHours = 2_500;
/** reading an hour with no rows takes as long as reading this many */
const rowsPerHour = 100;
const minutesPerHour = 60;

/** The hours from `first` to `last`, both included, as numbers since 1970. */
export type Hours = { first: number; last: number };

/** The sum of each subject's counts from the hour `first` up to, but not including, the hour `end`. */
type Window = {
  workspaceNo: number;
  kind: number;
  outcome: number | undefined;
  first: number;
  end: number;
  sums: ReturnType<typeof sumsByNumber>;
  unusedSinceMs: number | undefined;
};

export type TopSums = ReturnType<typeof topSums>;

/**
 * Keeps the sums of the queried time spans (windows) up to date, so that the most active subjects are found without
 * reading all counts again. When a window moves on, it only reads the hours that enter and leave the window. The caller
 * must pass all counts that are stored to `add` and all that are moved to `forget`. So no other process may store
 * counts in the database.
 */
export function topSums(most = limits) {
  const { windows, use, evict } = windowCache(most.bytes);
  return {
    /**
     * Finds the largest sums over these hours. Returns `unfinished` if it takes more than one call to read what is
     * missing, and `too many` if there are too many hours, or if the sums do not fit into memory. Errors: those of the
     * database.
     */
    async find(sql: UsageSql, workspaceNo: number, query: TopQuery, hours: Hours) {
      if (hours.last - hours.first >= mostHours) return "too many";
      const window = use(workspaceNo, query, hours);
      let rows = 0;
      while (window.first < hours.first || window.end <= hours.last) {
        if (rows >= most.rows) return "unfinished";
        rows += rowsPerHour + (await moveOn(sql, window, hours));
        if (!evict()) return "too many";
      }
      return window.sums.largest(query.limit);
    },
    /** Adds rows that were added to the counts by minute. */
    add(rows: readonly CountRow[]): void {
      for (const window of windows.values()) {
        for (const row of rows) if (contains(window, row)) window.sums.add(row[3], row[6]);
      }
    },
    /** Forgets the windows that contain this slice of counts by hour, because it was moved to the counts by day. */
    forget({ table, workspaceNo, kind }: Slice, start: number): void {
      if (table !== "usageHours") return; // sums include minutes and hours, so moves between these do not matter
      for (const [name, window] of windows) {
        const isOfWindow = window.workspaceNo === workspaceNo && window.kind === kind;
        if (isOfWindow && window.first <= start && start < window.end) windows.delete(name);
      }
    },
    /** Forgets the windows that were not used for an hour. Call it every now and then. */
    forgetUnused(nowMs: number): void {
      for (const [name, window] of windows) {
        window.unusedSinceMs ??= nowMs;
        if (nowMs - window.unusedSinceMs >= periodMs.hour) windows.delete(name);
      }
    },
    /** Forgets everything, since the next database may be another one. */
    clear: () => windows.clear(),
  };
}

/** The windows that are kept in memory. */
function windowCache(mostBytes: number) {
  /** in the order of their last use */
  const windows = new Map<string, Window>();

  /** Returns the window for a query: one in memory that can move on to these hours, or else a new, empty one. */
  function use(workspaceNo: number, query: TopQuery, { first, last }: Hours): Window {
    const kind = subjectKinds[query.of];
    const outcome = query.outcome === undefined ? undefined : outcomes.indexOf(query.outcome);
    const length = Math.ceil(query.endMs / periodMs.hour) - Math.floor(query.startMs / periodMs.hour);
    const name = `${workspaceNo}/${kind}/${outcome}/${length}`;
    const known = windows.get(name);
    const isUsable =
      known !== undefined && known.first <= first && first < known.end && known.end <= last + 1;
    const window = isUsable
      ? known
      : { workspaceNo, kind, outcome, first, end: first, sums: sumsByNumber(), unusedSinceMs: undefined };
    window.unusedSinceMs = undefined;
    windows.delete(name);
    windows.set(name, window);
    return window;
  }

  /**
   * Evicts the least recently used windows until the others fit into memory. Evicts the window in use only if it does
   * not fit even alone. Returns whether it fits.
   */
  function evict(): boolean {
    const all = [...windows];
    let bytes = all.reduce((sum, [, { sums }]) => sum + sums.bytes(), 0);
    for (const [name, { sums }] of all.slice(0, -1)) {
      if (bytes <= mostBytes && windows.size <= mostWindows) break;
      windows.delete(name);
      bytes -= sums.bytes();
    }
    if (bytes > mostBytes) windows.clear();
    return bytes <= mostBytes;
  }

  return { windows, use, evict };
}

function contains(window: Window, [workspaceNo, kind, minute, , tagNo, outcome]: CountRow): boolean {
  if (workspaceNo !== window.workspaceNo || kind !== window.kind || tagNo !== 0) return false;
  if (window.outcome !== undefined && outcome !== window.outcome) return false;
  const hour = Math.floor(minute / minutesPerHour);
  return window.first <= hour && hour < window.end;
}

/** Subtracts the first hour that is no longer wanted, or adds the next one. Returns how many rows it has read. */
async function moveOn(sql: UsageSql, window: Window, hours: Hours): Promise<number> {
  const { sums } = window;
  const leaves = window.first < hours.first;
  const rows = await readHour(sql, window, leaves ? window.first : window.end);
  for (const { no, count } of rows) sums.add(no, leaves ? -count : count);
  if (leaves) window.first += 1;
  else window.end += 1;
  return rows.length;
}

function readHour(sql: UsageSql, { workspaceNo, kind, outcome }: Window, hour: number) {
  const withOutcome = outcome === undefined ? "" : `and "outcome" = ${outcome}`;
  const counts = `select "subjectNo" as "no", "count" from`;
  const wanted = `where "workspaceNo" = $1 and "kind" = $2 and "tagNo" = 0 ${withOutcome}`;
  return sql.rows<NumberedCount>(
    `${counts} "usageHours" ${wanted} and "start" = $3
      union all ${counts} "usageMinutes" ${wanted} and "start" between $4 and $5`,
    workspaceNo,
    kind,
    hour,
    hour * minutesPerHour,
    (hour + 1) * minutesPerHour - 1,
  );
}
