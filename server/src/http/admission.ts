import { type MaybePromise, whenAvailable } from "../domain/maybePromise.ts";
import { Failure } from "../errors/failure.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";
import { isWrite } from "../run.ts";

/**
 * `decisions` verify a key or count a rate limit while a user's request waits. The other calls are management:
 * `changes` write, and `looks` only read.
 */
export type Kind = "decisions" | "changes" | "looks";

export function kindOf(operation: Operation): Kind {
  if (operation.decides === true) return "decisions";
  return isWrite(operation) ? "changes" : "looks";
}

/**
 * Admits calls of one kind, up to a maximum number in flight. Further calls are refused at once, so that the admitted
 * calls are done in time.
 */
export type Door = {
  /** Errors: `server_overloaded` if a call would be refused now. */
  check(): void;
  /**
   * Admits a call: at once (returns undefined), or when the returned promise resolves. Call `leave` when the call is
   * done. `count` is how many decisions to admit, if the calls are decisions. A management call always counts as 1.
   * Errors: `server_overloaded`.
   */
  enter(count?: number): Promise<void> | undefined;
  leave(count?: number): void;
  inFlight(): number;
};

/** Calls `work` with `asked` once the door admits the call. Errors: `server_overloaded`, and those of `work`. */
export function through<A, T>(
  door: Door,
  work: (asked: A) => MaybePromise<T>,
  asked: A,
  count = 1,
): MaybePromise<T> {
  const admitted = door.enter(count);
  let done: MaybePromise<T>;
  try {
    done = whenAvailable(admitted, working, work, asked);
  } catch (error) {
    door.leave(count);
    throw error;
  }
  if (done instanceof Promise) return leavingAfter(done, door, count);
  door.leave(count);
  return done;
}

function working<A, T>(_: unknown, work: (asked: A) => MaybePromise<T>, asked: A): MaybePromise<T> {
  return work(asked);
}

/** A separate function, because `through` would otherwise allocate this closure for synchronous work, too. */
function leavingAfter<T>(done: Promise<T>, door: Door, count: number): Promise<T> {
  return done.finally(() => door.leave(count));
}

type ReportOptions = {
  /** by a clock that never goes back */
  nowMs(): number;
  metrics: Pick<Metrics, "counter">;
  log: Log;
};

const reportedEveryMs = 10_000;

/**
 * Reports a refused call. `cause` is the kind of the call if too many calls of that kind run or wait, or `bodies` if
 * bodies take too much memory.
 */
export type OverloadReport = (cause: Kind | "bodies") => void;

/** Returns a function that counts the calls that were refused as `server_overloaded`, and logs at most one in 10 s. */
export function overloadReport({ nowMs, metrics, log }: ReportOptions): OverloadReport {
  let refused = 0;
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  metrics.counter(
    "latchkey_overload_refusals_total",
    "Calls refused with the error server_overloaded.",
    () => refused,
  );
  return (cause) => {
    refused += 1;
    if (nowMs() - reportedAtMs < reportedEveryMs) return;
    reportedAtMs = nowMs();
    log("warn", "overloaded", { kind: cause, refusedSinceStart: refused });
  };
}

type DoorOptions = {
  /** by a clock that never goes back */
  nowMs(): number;
  metrics: Pick<Metrics, "gauge">;
  report: OverloadReport;
};

/** At most this many decisions are in flight. */
const mostDecisions = 4_096;
/**
 * For each kind of management: at most 256 calls in flight, at most 64 of them being worked on. The rest are queued.
 */
const management = { inFlight: 256, atOnce: 64 };
/**
 * If the first call in the queue has waited longer than this, its caller has probably given up. The queue then accepts
 * no further calls.
 */
const longestWaitMs = 1_000;
/**
 * While decisions come in every turn of the event loop, one call of each kind of management starts per 64 decisions.
 */
const decisionsPerCall = 64;
/**
 * In a turn of the event loop without decisions, at most 16 queued calls start. A decision that arrives during such a
 * turn waits a few milliseconds.
 */
const callsPerTurn = 16;
const kindTexts = {
  decisions: "verifications and rate limit decisions",
  changes: "operations that write",
  looks: "operations that only read",
} as const;

/** The doors of one server, with their metrics. */
export function doors({ nowMs, metrics, report }: DoorOptions): Record<Kind, Door> {
  let decided = 0;

  function refuse(kind: Kind): never {
    report(kind);
    throw overloaded;
  }

  const decisions = countedDoor(() => refuse("decisions"));
  const queued = (kind: Kind) => queuedDoor({ decided: () => decided, nowMs, refuse: () => refuse(kind) });
  const all: Record<Kind, Door> = {
    decisions: {
      ...decisions,
      enter(count = 1) {
        decided += count;
        return decisions.enter(count);
      },
    },
    changes: queued("changes"),
    looks: queued("looks"),
  };
  for (const kind of ["decisions", "changes", "looks"] as const) {
    const help = `Calls that are running or queued: ${kindTexts[kind]}.`;
    metrics.gauge(`latchkey_${kind}_in_flight`, help, all[kind].inFlight);
  }
  return all;
}

function countedDoor(refuse: () => never): Door {
  let running = 0;
  const admit = (count: number) => {
    if (running + count > mostDecisions) refuse();
  };
  return {
    check: () => admit(1),
    enter(count = 1) {
      admit(count);
      running += count;
      return undefined;
    },
    leave(count = 1) {
      running -= count;
    },
    inFlight: () => running,
  };
}

type Queueing = { decided(): number; nowMs(): number; refuse(): never };

/**
 * Queues calls and starts a few of them in each turn of the event loop, so that requests from the network are read in
 * between. While decisions keep coming, only one call starts per `decisionsPerCall` decisions.
 */
function queuedDoor({ decided, nowMs, refuse }: Queueing): Door {
  const waiting = new Set<{ sinceMs: number; go(): void }>();
  let running = 0;
  let isScheduled = false;
  let decidedByLastTurn = 0;
  let decidedByLastStart = 0;

  function check(): void {
    const [first] = waiting;
    if (running + waiting.size >= management.inFlight) refuse();
    if (first !== undefined && nowMs() - first.sinceMs > longestWaitMs) refuse();
  }

  function keepGoing(): void {
    if (isScheduled || waiting.size === 0 || running >= management.atOnce) return;
    isScheduled = true;
    setImmediate(turn);
  }

  function turn(): void {
    const now = decided();
    if (now === decidedByLastTurn) begin(callsPerTurn);
    else if (now - decidedByLastStart >= decisionsPerCall) begin(1);
    decidedByLastTurn = now;
    isScheduled = false;
    keepGoing();
  }

  function begin(count: number): void {
    decidedByLastStart = decided();
    const free = Math.min(count, management.atOnce - running);
    for (const next of [...waiting].slice(0, free)) {
      waiting.delete(next);
      running += 1;
      next.go();
    }
  }

  return {
    check,
    enter() {
      check();
      const admitted = new Promise<void>((resolve) => waiting.add({ sinceMs: nowMs(), go: resolve }));
      keepGoing();
      return admitted;
    },
    leave() {
      running -= 1;
      keepGoing();
    },
    inFlight: () => running + waiting.size,
  };
}

/** Limits the memory that all bodies above 16 KiB take together. If a body does not fit, its request is refused. */
export type BodyBudget = {
  /** Errors: `server_overloaded` if `bytes` do not fit. The budget is then unchanged. */
  take(bytes: number): void;
  giveBack(bytes: number): void;
};

/** Calls `onRefusal` for each body that does not fit. */
export function bodyBudget(maxBytes: number, onRefusal?: () => void): BodyBudget {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > maxBytes) {
        onRefusal?.();
        throw overloadedByBodies;
      }
      held += bytes;
    },
    giveBack(bytes) {
      held -= bytes;
    },
  };
}

const retryAfter = { "Retry-After": "1" };
/** All refusals throw the same object: a refusal must be cheap, and most of an error's cost is its stack. */
const overloaded = new Failure("server_overloaded", { headers: retryAfter });
/** Closes the connection, because the rest of the body is not read. */
const overloadedByBodies = new Failure("server_overloaded", {
  headers: { ...retryAfter, Connection: "close" },
});
