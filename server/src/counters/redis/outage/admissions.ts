import type { Window } from "../../../domain/windows.ts";
import { counterKey } from "../../counters.ts";

/** The costs that this process admitted without Redis from `firstMs` to `lastMs`, at most duration/60 later. */
type Part = { firstMs: number; lastMs: number; cost: number };

/**
 * An admission is what this process has admitted on one counter, and still has to add to that counter in Redis.
 * Times are by a clock that never goes back.
 */
export type Admission = {
  readonly window: Window;
  /** the number of the admission; no other admission of this process has it */
  readonly number: number;
  /** the sum of all admitted costs; costs that no longer count are included */
  sum: number;
  /** how much of `sum` was sent to Redis at least once; Redis may have counted that much even if sending failed */
  sent: number;
  /** how much of `sum` need not be sent now: it was sent, and has not failed. A failure sets this to 0 */
  sending: number;
  /** oldest first; when a cost is added, the parts that no longer count are dropped */
  readonly parts: Part[];
};

type Options = {
  monotonicMs(): number;
  /** the maximum memory of all admissions together */
  maxBytes: number;
  /** Called when admissions were evicted to make room: how many, and whether their costs still counted (`live`). */
  onEvict(count: number, live: boolean): void;
};

/** the memory that one `Admission` takes, in bytes, without its parts and the key of its counter */
const ownBytes = 400;
const partBytes = 64;
/**
 * Before an admission is added, older admissions are checked until two of them still count. Admissions that no longer
 * count are dropped by this check, so they do not pile up.
 */
const checkedPerNew = 2;
/** If no memory is left, this many admissions are compared. The one that uses the least of its limit is evicted. */
const checkedForRoom = 16;

/**
 * Keeps the admissions of this process. Drops admissions that no longer count. If no memory is left, evicts the
 * admissions that use the least of their limits.
 */
export function unsentAdmissions(options: Options) {
  const kept = boundedAdmissions(options);
  const { all, drop } = kept;

  return {
    /** Adds the window's cost at the current time. */
    add(window: Window): Admission {
      const key = counterKey(window);
      const admission = all.get(key) ?? kept.make(key, window);
      kept.grow(key, admission, () => addCost(admission, window.cost, options.monotonicMs()));
      return admission;
    },
    /**
     * Takes back a cost that was admitted at `atMs`. If Redis may have counted a part of the admission, the cost stays
     * spent, because it may be in that part.
     */
    takeBack(admission: Admission, cost: number, atMs: number): void {
      const from = admission.parts.find(({ lastMs }) => lastMs >= atMs);
      if (admission.sent > 0 || from === undefined) return;
      from.cost -= cost;
      admission.sum -= cost;
    },
    of: (window: Window): Admission | undefined => all.get(counterKey(window)),
    /** Returns up to `most` admissions. */
    some(most: number): Admission[] {
      const some: Admission[] = [];
      for (const admission of all.values()) if (some.push(admission) === most) break;
      return some;
    },
    /** Call it when Redis has counted `sum` of an admission. Drops the admission if that is the whole admission. */
    arrived(admission: Admission, sum: number): void {
      const key = counterKey(admission.window);
      if (admission.sum === sum && all.get(key) === admission) drop(key);
    },
    size: () => all.size,
    bytes: kept.bytes,
  };
}

/** Keeps admissions by the key of their counter. Together they take at most `maxBytes`. */
function boundedAdmissions({ monotonicMs, maxBytes, onEvict }: Options) {
  const all = new Map<string, Admission>();
  let bytes = 0;
  let numbers = 0;

  function drop(key: string): void {
    const admission = all.get(key);
    if (admission === undefined) return;
    all.delete(key);
    bytes -= bytesOf(key, admission);
  }

  /**
   * Checks admissions, those first whose last check was the longest ago, and drops those that no longer count. Stops
   * when it has found `count` admissions that still count, and returns them.
   */
  function tidy(count: number): [string, Admission][] {
    const live: [string, Admission][] = [];
    const nowMs = monotonicMs();
    for (const [key, admission] of all) {
      if (live.length === count) break;
      if (hasRunOut(admission, nowMs)) drop(key);
      else live.push([key, admission]);
    }
    for (const [key, admission] of live) {
      all.delete(key);
      all.set(key, admission);
    }
    return live;
  }

  function makeRoom(): void {
    while (bytes > maxBytes) {
      const [first, ...others] = tidy(checkedForRoom);
      if (first === undefined || bytes <= maxBytes) return;
      const [key] = others.reduce((least, one) => (fillOf(one[1]) < fillOf(least[1]) ? one : least), first);
      drop(key);
      onEvict(1, true);
    }
  }

  return {
    all,
    drop,
    make(key: string, window: Window): Admission {
      tidy(checkedPerNew);
      numbers += 1;
      const admission: Admission = { window, number: numbers, sum: 0, sent: 0, sending: 0, parts: [] };
      all.set(key, admission);
      bytes += bytesOf(key, admission);
      return admission;
    },
    /**
     * Runs `work`, which may make the admission larger. If all admissions then take more than `maxBytes`, evicts some.
     */
    grow(key: string, admission: Admission, work: () => void): void {
      bytes -= bytesOf(key, admission);
      work();
      bytes += bytesOf(key, admission);
      makeRoom();
    },
    bytes: () => bytes,
  };
}

function addCost(admission: Admission, cost: number, nowMs: number): void {
  const { parts, window } = admission;
  admission.sum += cost;
  const counts = parts.findIndex(({ lastMs }) => lastMs + window.durationMs > nowMs);
  parts.splice(0, counts === -1 ? parts.length : counts);
  const newest = parts.at(-1);
  if (newest !== undefined && nowMs - newest.firstMs <= Math.floor(window.durationMs / 60)) {
    newest.lastMs = nowMs;
    newest.cost += cost;
  } else parts.push({ firstMs: nowMs, lastMs: nowMs, cost });
}

function hasRunOut({ parts, window }: Admission, nowMs: number): boolean {
  return (parts.at(-1)?.lastMs ?? 0) + window.durationMs <= nowMs;
}

function fillOf({ sum, window }: Admission): number {
  return sum / window.limit;
}

function bytesOf(key: string, { parts }: Admission): number {
  return ownBytes + partBytes * parts.length + 2 * key.length;
}
