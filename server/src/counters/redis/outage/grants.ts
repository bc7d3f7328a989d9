import type { Window } from "../../../domain/windows.ts";
import { counterKey } from "../../counters.ts";

/** Costs that were granted at most duration/60 apart. */
type Grant = { firstMs: number; lastMs: number; cost: number };

/** What this process granted on one counter, as far as Redis may not have counted it. Times are monotonic. */
export type Admission = {
  readonly window: Window;
  /** identifies it among the admissions of this process */
  readonly number: number;
  /** the sum of all that was granted, including what has stopped counting */
  sum: number;
  /** the older part of `sum`, which may have arrived */
  sent: number;
  /** the part of `sum` that is on its way */
  sending: number;
  /** the grants that still counted at the latest one, oldest first */
  readonly grants: Grant[];
};

type Options = {
  monotonicMs(): number;
  /** the most memory that all admissions together may use */
  maxBytes: number;
  /** called with how many were evicted to make room, and whether they still counted */
  onEvict(count: number, live: boolean): void;
};

/** What an admission takes in addition to its grants, its key, and its window's texts, which are as long as the key. */
const ownBytes = 400;
const grantBytes = 64;
/** More than one, so that admissions which have run out are dropped faster than new ones are added. */
const looksPerNew = 2;
/** At the cap, the least filled of this many is evicted. */
const looksForRoom = 16;

/** The admissions of this process. Those that have run out are dropped; at the cap, the least filled one is. */
export function unsentAdmissions(options: Options) {
  const kept = boundedAdmissions(options);
  const { all, drop } = kept;

  return {
    /** Notes that a window's cost was granted now. */
    add(window: Window): Admission {
      const key = counterKey(window);
      const admission = all.get(key) ?? kept.make(key, window);
      kept.grow(key, admission, () => grant(admission, window.cost, options.monotonicMs()));
      return admission;
    },
    /** Takes back what was granted at that time. If a part of the sum may have arrived, it stays spent. */
    takeBack(admission: Admission, cost: number, atMs: number): void {
      const from = admission.grants.find(({ lastMs }) => lastMs >= atMs);
      if (admission.sent > 0 || from === undefined) return;
      from.cost -= cost;
      admission.sum -= cost;
    },
    of: (window: Window): Admission | undefined => all.get(counterKey(window)),
    /** The first admissions, at most `most`. */
    some(most: number): Admission[] {
      const some: Admission[] = [];
      for (const admission of all.values()) if (some.push(admission) === most) break;
      return some;
    },
    /** Notes that Redis has counted `sum` of an admission. If that is all of it, the admission is dropped. */
    arrived(admission: Admission, sum: number): void {
      const key = counterKey(admission.window);
      if (admission.sum === sum && all.get(key) === admission) drop(key);
    },
    size: () => all.size,
    bytes: kept.bytes,
  };
}

/** Admissions by the key of their counter, within `maxBytes`. */
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

  /** Checks the admissions that were checked longest ago, and drops those that have run out. */
  function tidy(looks: number): [string, Admission][] {
    const live: [string, Admission][] = [];
    const nowMs = monotonicMs();
    for (const [key, admission] of all) {
      if (live.length === looks) break;
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
      const [first, ...others] = tidy(looksForRoom);
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
      tidy(looksPerNew);
      numbers += 1;
      const admission: Admission = { window, number: numbers, sum: 0, sent: 0, sending: 0, grants: [] };
      all.set(key, admission);
      bytes += bytesOf(key, admission);
      return admission;
    },
    /** Does `work`, which changes how much the admission takes, and evicts others if that is too much. */
    grow(key: string, admission: Admission, work: () => void): void {
      bytes -= bytesOf(key, admission);
      work();
      bytes += bytesOf(key, admission);
      makeRoom();
    },
    bytes: () => bytes,
  };
}

function grant(admission: Admission, cost: number, nowMs: number): void {
  const { grants, window } = admission;
  admission.sum += cost;
  const counts = grants.findIndex(({ lastMs }) => lastMs + window.durationMs > nowMs);
  grants.splice(0, counts === -1 ? grants.length : counts);
  const newest = grants.at(-1);
  if (newest !== undefined && nowMs - newest.firstMs <= Math.floor(window.durationMs / 60)) {
    newest.lastMs = nowMs;
    newest.cost += cost;
  } else grants.push({ firstMs: nowMs, lastMs: nowMs, cost });
}

function hasRunOut({ grants, window }: Admission, nowMs: number): boolean {
  return (grants.at(-1)?.lastMs ?? 0) + window.durationMs <= nowMs;
}

function fillOf({ sum, window }: Admission): number {
  return sum / window.limit;
}

function bytesOf(key: string, { grants }: Admission): number {
  return ownBytes + grantBytes * grants.length + 2 * key.length;
}
