/**
 * The protocol between the main thread and a background thread. The main thread sends orders, which are numbered messages.
 * The background thread responds to each with rows or an error.
 */

/** A background thread, as the main thread uses it. */
export type WorkerThread<Order> = {
  /**
   * Sends an order and waits for the rows. Errors: the thread's error, as `failure` turns it into another one: see
   * `startWorker`.
   */
  ask(order: Order): Promise<unknown[]>;
  close(): Promise<void>;
};

type ThreadError = { message: string; code?: string | undefined };

export type ThreadRequest<Start, Order> = { start: Start } | { id: number; order: Order };
export type ThreadResponse = { id: number; rows: unknown[] } | { id: number; error: ThreadError };

type Waiting = { resolve(rows: unknown[]): void; reject(error: unknown): void };

/**
 * Starts a thread that runs `script`, which must call `followOrders`. The thread receives `start` before its first
 * order. `failure` turns an error of the thread into the one that `ask` throws.
 */
export function startWorker<Start, Order>(
  script: URL,
  start: Start,
  failure: (error: ThreadError) => unknown,
): WorkerThread<Order> {
  const worker = new Worker(script.href);
  const send = (request: ThreadRequest<Start, Order>) => worker.postMessage(request);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  worker.onmessage = ({ data }: { data: ThreadResponse }) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (waiting.size === 0) worker.unref();
    if ("error" in data) asked?.reject(failure(data.error));
    else asked?.resolve(data.rows);
  };
  const fail = (message: string) => {
    for (const { reject } of waiting.values()) reject(failure({ message }));
    waiting.clear();
  };
  worker.onerror = ({ message }) => fail(message);
  worker.addEventListener("close", () => fail("The thread has ended."));
  send({ start });
  worker.unref();
  return {
    ask(order) {
      lastId += 1;
      const id = lastId;
      if (waiting.size === 0) worker.ref();
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ id, order });
      });
    },
    close: async () => worker.terminate(),
  };
}

type Port<Start, Order> = {
  postMessage(response: ThreadResponse): void;
  onmessage: ((event: { data: ThreadRequest<Start, Order> }) => void) | null;
};

/**
 * Call it in the script of a background thread: it runs the orders one at a time, in the sequence in which they were
 * sent.
 */
export function followOrders<Start, Order>(
  follow: (order: Order, start: Start) => unknown[] | Promise<unknown[]>,
): void {
  const port = globalThis as unknown as Port<Start, Order>;
  const started = Promise.withResolvers<Start>();
  let last: Promise<void> = Promise.resolve();

  async function respond(id: number, order: Order): Promise<void> {
    try {
      port.postMessage({ id, rows: await follow(order, await started.promise) });
    } catch (error) {
      const { message = String(error), code } = error as Partial<ThreadError>;
      port.postMessage({ id, error: { message, code } });
    }
  }

  port.onmessage = ({ data }) => {
    if ("start" in data) started.resolve(data.start);
    else last = last.then(() => respond(data.id, data.order));
  };
}
