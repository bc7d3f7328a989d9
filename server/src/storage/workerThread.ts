/** A background thread that is sent orders and answers each with rows. */
export type WorkerThread<O> = {
  /** Errors: what the thread's failure was made of. */
  ask(order: O): Promise<unknown[]>;
  close(): Promise<void>;
};

/** What a thread is sent after its start. */
export type Asked<O> = { id: number; order: O };

/** What it answers; `error` where the order failed. */
export type Answered = { id: number; rows: unknown[]; error?: ThreadError };

export type ThreadError = { message: string; code?: string | undefined };

type Waiting = { resolve(rows: unknown[]): void; reject(error: unknown): void };

/** Starts the thread with `start` as its first message. `failure` makes the error that is thrown for one of its. */
export function startWorker<O>(
  script: URL,
  start: unknown,
  failure: (error: ThreadError) => unknown,
): WorkerThread<O> {
  const worker = new Worker(script.href);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  worker.postMessage(start);
  worker.onmessage = ({ data }: { data: Answered }) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (waiting.size === 0) worker.unref();
    if (data.error === undefined) asked?.resolve(data.rows);
    else asked?.reject(failure(data.error));
  };
  worker.onerror = ({ message }) => {
    for (const { reject } of waiting.values()) reject(failure({ message }));
    waiting.clear();
  };
  worker.unref();
  return {
    ask(order) {
      lastId += 1;
      const id = lastId;
      if (waiting.size === 0) worker.ref();
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, order } satisfies Asked<O>);
      });
    },
    close: async () => worker.terminate(),
  };
}
