import { outcomes, periodMs, subjectKinds } from "../domain/usage.ts";
import type { PlainSql } from "../storage/engines/usage.ts";
import type { CountRow, CountTable } from "./countStore.ts";
import { sumsByNumber } from "./sumsByNumber.ts";
import type { NumberedCount, TopQuery } from "./tops.ts";
import type { Slice } from "./upkeep.ts";

/**
 * `bytes`: the memory that all sums may take. 64 MiB are enough for the sums of three million keys. `ms`: a call of
 * `find` that has taken this long reads no further hour, so that it hardly delays other work of the usage thread.
 */
const limits = { bytes: 64 * 1024 * 1024, ms: 25 };
/** The maximum number of windows. Each stored count is compared with all windows, which is fast with this many. */
const mostWindows = 32;
/**
 * The maximum length of a window. Counts by hour are kept for fewer hours, so a query is longer only if the clock was
 * wrong when some counts were recorded.
 */
const mostHours = 2_500;
/**
 * A window that was not used for this long is forgotten. A window that did not fit into memory is tried again after
 * this time.
 */
const keptMs = periodMs.hour;
const minutesPerHour = 60;

/** The hours from `first` to `last`, both included, in hours since 1970. */
export type Hours = { first: number; last: number };

/**
 * A query over these hours. `isRest`: an earlier call of `find` for the same query has returned `unfinished`, so this
 * call must read the rest.
 */
type Question = { workspaceNo: number; query: TopQuery; hours: Hours; isRest: boolean };

/**
 * Which counts a window adds up: those of a workspace, of a kind of subject and, if set, of an outcome. Windows that
 * add up such counts over the same number of hours are of the same series, and have the same `name`.
 */
type TopSeries = ReturnType<typeof topSeriesOf>;

/** The sum of each subject's counts from the hour `first` up to, but not including, the hour `end`. */
type Window = TopSeries & {
  first: number;
  end: number;
  sums: ReturnType<typeof sumsByNumber>;
  usedAtMs: number;
};

export type TopSums = ReturnType<typeof topSums>;

/**
 * Keeps the sums of the queried time spans (windows) up to date, so that the most active subjects are found without
 * reading all counts again. When a window moves on, only the hours that enter or leave the window are read. The caller
 * must pass all rows that it stores to `add`, and all slices that it moves or deletes to `forget`. So no other process
 * may write to the database. `nowMs` is a clock that never goes back.
 */
export function topSums(nowMs: () => number, most = limits) {
  const { windows, use, keep, forgetUnused, clear } = windowCache(nowMs, most.bytes);
  return {
    /**
     * Finds the largest sums over these hours. Returns `unfinished` if it takes more than one call to read the missing
     * hours. Each call reads at least one of them. Returns `too many` if there are too many hours, if the sums do not
     * fit into memory, or if `isRest` is set but what earlier calls read has been forgotten. Errors: those of the
     * database. After an error, call `clear`.
     */
    async find(sql: PlainSql, question: Question) {
      const { query, hours } = question;
      const window = use(question);
      if (window === undefined) return "too many";
      const untilMs = nowMs() + most.ms;
      let isLate = false;
      while (window.first < hours.first || window.end <= hours.last) {
        if (isLate) return "unfinished";
        if (!keep(window, await moveOn(sql, window, hours))) return "too many";
        isLate = nowMs() >= untilMs;
      }
      return window.sums.largest(query.limit);
    },
    /** Adds rows to the windows that contain them. Call it with all rows that were added to the counts by minute. */
    add(rows: readonly CountRow[]): void {
      for (const window of windows) {
        const isAdded = (row: CountRow) => !contains(window, row) || window.sums.add(row[3], row[6]);
        keep(window, rows.every(isAdded));
      }
    },
    /** Forgets the windows that contain this slice of counts by hour, because it was moved to the counts by day. */
    forget({ table, workspaceNo, kind }: Slice, start: number): void {
      if (table !== "usageHours") return; // a move from minutes to hours does not change a sum, which includes both
      for (const window of windows) {
        const isOfWindow = window.workspaceNo === workspaceNo && window.kind === kind;
        if (isOfWindow && window.first <= start && start < window.end) windows.delete(window);
      }
    },
    /** Forgets the windows that were not used for an hour. Call it now and then. */
    forgetUnused,
    /** Forgets everything. Call it after an error, because the next connection may be to another database. */
    clear,
  };
}

/** The windows that are kept in memory. Several windows of one series may end at different hours. */
function windowCache(nowMs: () => number, mostBytes: number) {
  /** in the order of their last use */
  const windows = new Set<Window>();
  /** for each series that did not fit into memory, by name: until when its queries add up the stored counts instead */
  const tooLargeUntilMs = new Map<string, number>();

  /**
   * Returns the window for a query: the latest window of its series that can move on to these hours or, if there is no
   * such window, a new, empty window. Returns undefined if there are too many hours. Returns undefined instead of a
   * new window if a window of the series did not fit into memory within the last hour, and also if `isRest` is set: a
   * query whose rest started with a new window might never finish.
   */
  function use(question: Question): Window | undefined {
    const { hours, isRest } = question;
    const series = topSeriesOf(question);
    const usable = [...windows].filter((one) => one.name === series.name && canMoveOn(one, hours));
    const [known] = usable.sort((one, other) => other.end - one.end);
    const isTooLarge = nowMs() < (tooLargeUntilMs.get(series.name) ?? 0);
    if (isTooLong(hours) || (known === undefined && (isRest || isTooLarge))) return undefined;
    const window = known ?? emptyWindow(series, hours, mostBytes);
    window.usedAtMs = nowMs();
    windows.delete(window);
    windows.add(window);
    return window;
  }

  /**
   * Call it when the sums of a window have changed. Forgets the window if it does not fit into memory (`fits`), and
   * evicts windows until the memory suffices. Returns whether this window is still in memory.
   */
  function keep(window: Window, fits: boolean): boolean {
    if (!fits) dropTooLarge(window);
    evict();
    return windows.has(window);
  }

  /** Forgets a window that does not fit into memory. For an hour, `use` returns no new window of its series. */
  function dropTooLarge(window: Window): void {
    windows.delete(window);
    tooLargeUntilMs.set(window.name, nowMs() + keptMs);
  }

  /** Evicts the least recently used windows until the others fit into memory. */
  function evict(): void {
    let bytes = [...windows].reduce((sum, { sums }) => sum + sums.bytes(), 0);
    for (const window of windows) {
      if (bytes <= mostBytes && windows.size <= mostWindows) return;
      if (windows.size === 1) dropTooLarge(window);
      else windows.delete(window);
      bytes -= window.sums.bytes();
    }
  }

  function forgetUnused(): void {
    for (const window of windows) if (nowMs() - window.usedAtMs >= keptMs) windows.delete(window);
    for (const [name, untilMs] of tooLargeUntilMs) if (nowMs() >= untilMs) tooLargeUntilMs.delete(name);
  }

  function clear(): void {
    windows.clear();
    tooLargeUntilMs.clear();
  }

  return { windows, use, keep, forgetUnused, clear };
}

function topSeriesOf({ workspaceNo, query }: Question) {
  const kind = subjectKinds[query.of];
  const outcome = query.outcome === undefined ? undefined : outcomes.indexOf(query.outcome);
  const length = Math.ceil(query.endMs / periodMs.hour) - Math.floor(query.startMs / periodMs.hour);
  return { name: `${workspaceNo}/${kind}/${outcome}/${length}`, workspaceNo, kind, outcome };
}

/** Returns a new window, of which no hour has been read yet. */
function emptyWindow(series: TopSeries, { first }: Hours, mostBytes: number): Window {
  return { ...series, first, end: first, sums: sumsByNumber(mostBytes), usedAtMs: 0 };
}

const isTooLong = ({ first, last }: Hours) => last - first >= mostHours;

/** Whether a window includes the first of these hours, and no hour after the last of them. */
function canMoveOn(window: Window, { first, last }: Hours): boolean {
  return window.first <= first && first < window.end && window.end <= last + 1;
}

function contains(window: Window, [workspaceNo, kind, minute, , tagNo, outcome]: CountRow): boolean {
  if (workspaceNo !== window.workspaceNo || kind !== window.kind || tagNo !== 0) return false;
  if (window.outcome !== undefined && outcome !== window.outcome) return false;
  const hour = Math.floor(minute / minutesPerHour);
  return window.first <= hour && hour < window.end;
}

/**
 * Subtracts the window's first hour, if it is before these hours. Otherwise adds the hour after the window's last.
 * Returns false if the sums do not fit into memory.
 */
async function moveOn(sql: PlainSql, window: Window, hours: Hours): Promise<boolean> {
  const { sums } = window;
  const leaves = window.first < hours.first;
  for await (const rows of readHour(sql, window, leaves ? window.first : window.end)) {
    if (!rows.every(({ no, count }) => sums.add(no, leaves ? -count : count))) return false;
  }
  if (leaves) window.first += 1;
  else window.end += 1;
  return true;
}

/** Yields the counts of an hour. Reads its minutes one by one, because together they may have millions of rows. */
async function* readHour(
  sql: PlainSql,
  window: Window,
  hour: number,
): AsyncGenerator<readonly NumberedCount[]> {
  yield await readCounts(sql, window, "usageHours", hour);
  const end = (hour + 1) * minutesPerHour;
  let minute = await nextMinute(sql, window, hour * minutesPerHour, end);
  while (minute !== undefined) {
    yield await readCounts(sql, window, "usageMinutes", minute);
    minute = await nextMinute(sql, window, minute + 1, end);
  }
}

function readCounts(
  sql: PlainSql,
  { workspaceNo, kind, outcome }: Window,
  table: CountTable,
  start: number,
): Promise<NumberedCount[]> {
  return sql.rows<NumberedCount>(
    `select "subjectNo" as "no", "count" from "${table}"
      where "workspaceNo" = $1 and "kind" = $2 and "start" = $3 and "tagNo" = 0
        ${outcome === undefined ? "" : `and "outcome" = ${outcome}`}`,
    workspaceNo,
    kind,
    start,
  );
}

/** Finds the first minute with counts from `first` up to, but not including, `end`. */
async function nextMinute(
  sql: PlainSql,
  { workspaceNo, kind }: Window,
  first: number,
  end: number,
): Promise<number | undefined> {
  const [row] = await sql.rows<{ start: number }>(
    `select "start" from "usageMinutes"
      where "workspaceNo" = $1 and "kind" = $2 and "start" >= $3 and "start" < $4 order by "start" limit 1`,
    workspaceNo,
    kind,
    first,
    end,
  );
  return row?.start;
}
