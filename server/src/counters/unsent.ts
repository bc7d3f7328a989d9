import { counterKey, type Window } from "./counters.ts";

/** Costs that were granted at most duration/60 apart. */
type Grant = { firstMs: number; lastMs: number; cost: number };

/** What was granted here of one counter, and is not known to stand where all count. Times are monotonic. */
export type Admission = {
  readonly window: Window;
  /** sets it apart from other admissions of this process */
  readonly number: number;
  /** all that was granted, also what has stopped counting */
  sum: number;
  /** of `sum`, what may have arrived: its older part */
  sent: number;
  /** of `sum`, what is on its way */
  sending: number;
  /** what still counted when something was granted last, oldest first */
  readonly grants: Grant[];
};

type Options = {
  monotonicMs(): number;
  /** what all admissions together may take */
  maxBytes: number;
  /** hears how many had to go for want of room, and that they still counted */
  onEvict(count: number, live: boolean): void;
};

/** What an admission takes beside its grants, its key and its window's texts, which are about as long as the key. */
const ownBytes = 400;
const grantBytes = 64;
/** More than one, so that what has run out goes faster than new ones come. */
const looksPerNew = 2;
/** At the cap the least filled of so many goes. */
const looksForRoom = 16;

/** The admissions of this process. What has run out goes, and at the cap the least filled. */
export function unsentAdmissions({ monotonicMs, maxBytes, onEvict }: Options) {
  const admissions = new Map<string, Admission>();
  let bytes = 0;
  let numbers = 0;

  function drop(key: string): void {
    const admission = admissions.get(key);
    if (admission === undefined) return;
    admissions.delete(key);
    bytes -= bytesOf(key, admission);
  }

  /** Looks at those that were not looked at for longest; what has run out goes. */
  function tidy(looks: number): [string, Admission][] {
    const live: [string, Admission][] = [];
    const nowMs = monotonicMs();
    for (const [key, admission] of admissions) {
      if (live.length === looks) break;
      if (hasRunOut(admission, nowMs)) drop(key);
      else live.push([key, admission]);
    }
    for (const [key, admission] of live) {
      admissions.delete(key);
      admissions.set(key, admission);
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

  function make(key: string, window: Window): Admission {
    tidy(looksPerNew);
    numbers += 1;
    const made: Admission = { window, number: numbers, sum: 0, sent: 0, sending: 0, grants: [] };
    admissions.set(key, made);
    bytes += bytesOf(key, made);
    return made;
  }

  return {
    /** Notes that a window's cost was granted now. */
    add(window: Window): Admission {
      const key = counterKey(window);
      const admission = admissions.get(key) ?? make(key, window);
      bytes -= bytesOf(key, admission);
      grant(admission, window.cost, monotonicMs());
      bytes += bytesOf(key, admission);
      makeRoom();
      return admission;
    },
    /** Takes back what was granted at that time, unless something may have arrived: then it stays spent. */
    takeBack(admission: Admission, cost: number, atMs: number): void {
      const from = admission.grants.find(({ lastMs }) => lastMs >= atMs);
      if (admission.sent > 0 || from === undefined) return;
      from.cost -= cost;
      admission.sum -= cost;
    },
    of: (window: Window): Admission | undefined => admissions.get(counterKey(window)),
    /** The first of them, at most `most`. */
    some(most: number): Admission[] {
      const some: Admission[] = [];
      for (const admission of admissions.values()) if (some.push(admission) === most) break;
      return some;
    },
    /** Notes that `sum` of an admission stands where all count; it goes when that is all of it. */
    arrived(admission: Admission, sum: number): void {
      const key = counterKey(admission.window);
      if (admission.sum === sum && admissions.get(key) === admission) drop(key);
    },
    size: () => admissions.size,
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
