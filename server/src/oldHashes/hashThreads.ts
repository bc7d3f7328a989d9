import { startWorker, type WorkerThread } from "../storage/workerThread.ts";

/** `hash`: the hash that the key has. "unknown": the key has none of the hashes. "busy": nothing was compared. */
export type Comparison = { hash: string } | "unknown" | "busy";

/** A key, and the hashes to compare it with. */
export type ComparisonTask = { key: string; hashes: readonly string[] };

/** What a thread found. `found`: the hash that the key has. `failures`: why some hashes could not be compared. */
export type Compared = { found: string | undefined; failures: readonly string[] };

/** Compares keys with salted hashes on other threads, a bounded number of keys at a time. */
export type HashThreads = {
  /**
   * Finds the first of the hashes that the key has. `place` is the workspace and the start of the waiting keys. At most
   * two comparisons of a place run or are queued.
   */
  compare(task: ComparisonTask, place: string): Promise<Comparison>;
  /** Returns the number of comparisons that run or are queued. */
  pending(): number;
  close(): Promise<void>;
};

/**
 * The maximum number of comparisons that run or are queued. More would wait so long that their callers give up.
 */
const mostPending = 16;
/**
 * The maximum per place. An attacker who knows the start of one key cannot use up the comparisons of all other keys.
 */
const mostPendingOfOnePlace = 2;

type Thread = WorkerThread<ComparisonTask>;

/** Calls `onFailure` with the reason if a key could not be compared with the hashes of a `place`. */
export function hashThreads(count: number, onFailure: (place: string, message: string) => void): HashThreads {
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
    async compare(task, place) {
      if (!enter(place)) return "busy";
      try {
        const { found, failures } = await pool.run(task);
        for (const failure of failures) onFailure(place, failure);
        return found === undefined ? "unknown" : { hash: found };
      } catch (error) {
        if (!(error instanceof Closed)) onFailure(place, (error as Error).message);
        return "busy";
      } finally {
        leave(place);
      }
    },
    pending: () => pending,
    close: pool.close,
  };
}

class Closed extends Error {}

/**
 * Creates a pool of at most `count` threads. A thread is started when a comparison finds no free one; if all run, the
 * comparison is queued. A thread that failed is replaced.
 */
function threadPool(count: number) {
  const idle: Thread[] = [];
  const all = new Set<Thread>();
  const queue: PromiseWithResolvers<Thread>[] = [];
  let isClosed = false;

  function start(): Thread {
    const started = startThread();
    all.add(started);
    return started;
  }

  function take(): Thread | Promise<Thread> {
    if (isClosed) throw new Closed();
    const free = idle.pop();
    if (free !== undefined) return free;
    if (all.size < count) return start();
    const turn = Promise.withResolvers<Thread>();
    queue.push(turn);
    return turn.promise;
  }

  function giveBack(thread: Thread): void {
    const next = queue.shift();
    if (next === undefined) idle.push(thread);
    else next.resolve(thread);
  }

  /** Replaces a thread that failed: it may have ended, and would then never respond. */
  function discard(thread: Thread): void {
    all.delete(thread);
    void thread.close();
    if (!isClosed) queue.shift()?.resolve(start());
  }

  return {
    /** Errors: `Closed` after `close`, and errors of the thread, such as too little memory. */
    async run(task: ComparisonTask): Promise<Compared> {
      const thread = await take();
      try {
        const [compared] = await thread.ask(task);
        giveBack(thread);
        return compared as Compared;
      } catch (error) {
        discard(thread);
        throw isClosed ? new Closed() : error;
      }
    },
    async close() {
      isClosed = true;
      for (const { reject } of queue.splice(0)) reject(new Closed());
      await Promise.all([...all].map((thread) => thread.close()));
    },
  };
}

function startThread(): Thread {
  return startWorker<null, ComparisonTask>(
    new URL("./hashWorker.ts", import.meta.url),
    null,
    ({ message }) => new Error(message),
  );
}
