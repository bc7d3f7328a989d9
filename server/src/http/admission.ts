import type { Soon } from "../domain/soon.ts";
import { Failure } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";

/** `decisions`: of keys and limits, which somebody's request waits for. `changes` and `looks`: management. */
export type Kind = "decisions" | "changes" | "looks";

export function kindOf({ frequent, transact }: Operation): Kind {
  if (frequent === true) return "decisions";
  return transact === undefined ? "looks" : "changes";
}

/** Where calls of one kind come in. What is beyond its bounds is refused at once, so that the rest is done in time. */
export type Door = {
  /** Errors: `server_overloaded` where a call would not be let in now. */
  check(): void;
  /** Lets a call in: at once (undefined), or when its turn has come. `leave` must follow. Errors: `server_overloaded`. */
  enter(): Promise<void> | undefined;
  leave(): void;
  inFlight(): number;
};

/** Does the work when the door has let it in. Errors: `server_overloaded`, and those of the work. */
export function through<T>(door: Door, work: () => Soon<T>): Soon<T> {
  const turn = door.enter();
  let done: Soon<T>;
  try {
    done = turn === undefined ? work() : turn.then(work);
  } catch (error) {
    door.leave();
    throw error;
  }
  if (done instanceof Promise) return done.finally(door.leave);
  door.leave();
  return done;
}

type DoorOptions = {
  /** of a clock that never goes back */
  nowMs(): number;
  metrics: Pick<Metrics, "gauge" | "counter">;
  log: Log;
};

const mostDecisions = 4_096;
/** so many calls of each kind of management are in flight, and so many of them worked on; the others wait their turn */
const management = { inFlight: 256, atOnce: 64 };
/** whoever waits longer has probably given up: nobody new is let in behind such a call */
const longestWaitMs = 1_000;
/** where decisions come in every turn of the event loop, one call of each kind of management begins after so many */
const decisionsPerCall = 64;
/** and so many begin in a turn without decisions, which makes a decision that comes meanwhile wait a few milliseconds */
const callsPerTurn = 16;
const reportedEveryMs = 10_000;

/** The doors of one server, measured; that calls are refused is logged now and then. */
export function doors({ nowMs, metrics, log }: DoorOptions): Record<Kind, Door> {
  let decided = 0;
  let refused = 0;
  let reportedAtMs = Number.NEGATIVE_INFINITY;

  function refuse(kind: Kind): never {
    refused += 1;
    if (nowMs() - reportedAtMs >= reportedEveryMs) {
      reportedAtMs = nowMs();
      log("warn", "overloaded", { kind, refusedSinceStart: refused });
    }
    throw overloaded;
  }

  const decisions = countedDoor(() => refuse("decisions"));
  const queued = (kind: Kind) => queuedDoor({ decided: () => decided, nowMs, refuse: () => refuse(kind) });
  const all: Record<Kind, Door> = {
    decisions: {
      ...decisions,
      enter() {
        decided += 1;
        return decisions.enter();
      },
    },
    changes: queued("changes"),
    looks: queued("looks"),
  };
  metrics.counter("latchkey_overload_refusals_total", "Calls refused by server_overloaded.", () => refused);
  for (const kind of ["decisions", "changes", "looks"] as const) {
    const help = `Calls that decide, change or look something up, under way or waiting: ${kind}.`;
    metrics.gauge(`latchkey_${kind}_in_flight`, help, all[kind].inFlight);
  }
  return all;
}

function countedDoor(refuse: () => never): Door {
  let running = 0;
  const check = () => {
    if (running >= mostDecisions) refuse();
  };
  return {
    check,
    enter() {
      check();
      running += 1;
      return undefined;
    },
    leave() {
      running -= 1;
    },
    inFlight: () => running,
  };
}

type Queueing = { decided(): number; nowMs(): number; refuse(): never };

/**
 * Calls wait in line and begin in turns of the event loop, a few in each, so that what comes from the network is looked
 * at between them; and where decisions come without a pause, only one after some of those.
 */
function queuedDoor({ decided, nowMs, refuse }: Queueing): Door {
  const waiting = new Set<{ sinceMs: number; go(): void }>();
  let running = 0;
  let isTurning = false;
  let decidedByLastTurn = 0;
  let decidedByLastStart = 0;

  function check(): void {
    const [first] = waiting;
    if (running + waiting.size >= management.inFlight) refuse();
    if (first !== undefined && nowMs() - first.sinceMs > longestWaitMs) refuse();
  }

  function keepTurning(): void {
    if (isTurning || waiting.size === 0 || running >= management.atOnce) return;
    isTurning = true;
    setImmediate(turn);
  }

  function turn(): void {
    const now = decided();
    if (now === decidedByLastTurn) begin(callsPerTurn);
    else if (now - decidedByLastStart >= decisionsPerCall) begin(1);
    decidedByLastTurn = now;
    isTurning = false;
    keepTurning();
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
      const turned = new Promise<void>((resolve) => waiting.add({ sinceMs: nowMs(), go: resolve }));
      keepTurning();
      return turned;
    },
    leave() {
      running -= 1;
      keepTurning();
    },
    inFlight: () => running + waiting.size,
  };
}

/** Bytes of large bodies that are held at once. */
export type BodyBudget = {
  /** Errors: `server_overloaded`, with nothing taken. */
  take(bytes: number): void;
  giveBack(bytes: number): void;
};

export function bodyBudget(maxBytes: number): BodyBudget {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > maxBytes) throw overloadedByBodies;
      held += bytes;
    },
    giveBack(bytes) {
      held -= bytes;
    },
  };
}

const retryAfter = { "Retry-After": "1" };
/** One for all refusals, which must cost little: most of what an error costs is its stack. */
const overloaded = new Failure("server_overloaded", { headers: retryAfter });
/** the rest of the body is not read */
const overloadedByBodies = new Failure("server_overloaded", {
  headers: { ...retryAfter, Connection: "close" },
});
