import { startWorker, type WorkerThread } from "../storage/workerThread.ts";

/** "unknown": the key has none of the hashes. "busy": nothing was compared. */
export type Comparison = { hash: string } | "unknown" | "busy";

/** A key that may have one of these hashes. */
export type Guess = { key: string; hashes: readonly string[] };

/** Compares keys with salted hashes away from the main thread, a bounded number of them at a time. */
export type HashThreads = {
  /** Finds the first of the hashes that the key has. Guesses with the same `place` share a bound. */
  compare(guess: Guess, place: string): Promise<Comparison>;
  /** guesses that run or are queued */
  pending(): number;
  close(): Promise<void>;
};

/** Running and queued guesses. More would wait so long that their callers give up. */
const mostPending = 16;
/** Keeps one start that an attacker knows from taking the places of all others. */
const mostPendingOfOnePlace = 2;

type Thread = WorkerThread<Guess>;

export function hashThreads(count: number): HashThreads {
  const pool = threadPool(count);
  const byPlace = new Map<string, number>();
  let pending = 0;

  function enter(place: string): boolean {
    const ofPlace = byPlace.get(place) ?? 0;
    if (pending >= mostPending || ofPlace >= mostPendingOfOnePlace) return false;
    pending += 1;
    byPlace.set(place, ofPlace + 1);
    return true;
  }

  function leave(place: string): void {
    pending -= 1;
    const left = (byPlace.get(place) ?? 1) - 1;
    if (left === 0) byPlace.delete(place);
    else byPlace.set(place, left);
  }

  return {
    async compare(guess, place) {
      if (!enter(place)) return "busy";
      try {
        return await pool.run(guess);
      } finally {
        leave(place);
      }
    },
    pending: () => pending,
    close: pool.close,
  };
}

/** Starts its threads when they are first needed. A guess for which no thread is free is queued. */
function threadPool(count: number) {
  const idle: Thread[] = [];
  const all = new Set<Thread>();
  const queue: ((thread: Thread | undefined) => void)[] = [];
  let isClosed = false;

  function start(): Thread {
    const started = startThread();
    all.add(started);
    return started;
  }

  function take(): Thread | undefined | Promise<Thread | undefined> {
    if (isClosed) return undefined;
    const free = idle.pop();
    if (free !== undefined) return free;
    return all.size < count ? start() : new Promise((resolve) => queue.push(resolve));
  }

  function giveBack(thread: Thread): void {
    const next = queue.shift();
    if (next === undefined) idle.push(thread);
    else next(thread);
  }

  return {
    async run(guess: Guess): Promise<Comparison> {
      const thread = await take();
      if (thread === undefined) return "busy";
      try {
        const [found] = await thread.ask(guess);
        return found === undefined ? "unknown" : { hash: found as string };
      } catch {
        return "busy"; // for instance for lack of memory
      } finally {
        giveBack(thread);
      }
    },
    async close() {
      isClosed = true;
      for (const give of queue.splice(0)) give(undefined);
      await Promise.all([...all].map((thread) => thread.close()));
    },
  };
}

function startThread(): Thread {
  return startWorker<null, Guess>(
    new URL("./hashWorker.ts", import.meta.url),
    null,
    ({ message }) => new Error(message),
  );
}
