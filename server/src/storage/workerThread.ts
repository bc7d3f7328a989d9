/**
 * The protocol between the main thread and a background thread. The main thread sends orders, which are numbered messages.
 * The background thread responds to each with rows or an error. Responses that are ready at about
 * the same time are sent together.
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
  worker.onmessage = ({ data: responses }: { data: readonly ThreadResponse[] }) => {
    for (const response of responses) {
      const asked = waiting.get(response.id);
      waiting.delete(response.id);
      if ("error" in response) asked?.reject(failure(response.error));
      else asked?.resolve(response.rows);
    }
    if (waiting.size === 0) worker.unref();
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
  postMessage(responses: readonly ThreadResponse[]): void;
  onmessage: ((event: { data: ThreadRequest<Start, Order> }) => void) | null;
};

/**
 * How long a response may wait for those to the orders after it. Waking the main thread for each of 64 concurrent lists
 * took it 75 µs more of each.
 */
const batchMs = 2;

/**
 * Call it in the script of a background thread: it runs the orders one at a time, in the sequence in which they were
 * sent.
 */
export function followOrders<Start, Order>(
  follow: (order: Order, start: Start) => unknown[] | Promise<unknown[]>,
): void {
  const port = globalThis as unknown as Port<Start, Order>;
  const started = Promise.withResolvers<Start>();
  const orders: { id: number; order: Order }[] = [];
  let isRunning = false;

  async function responseTo(id: number, order: Order): Promise<ThreadResponse> {
    try {
      return { id, rows: await follow(order, await started.promise) };
    } catch (error) {
      const { message = String(error), code } = error as Partial<ThreadError>;
      return { id, error: { message, code } };
    }
  }

  async function runAll(): Promise<void> {
    isRunning = true;
    while (orders.length > 0) {
      const untilMs = performance.now() + batchMs;
      const responses: ThreadResponse[] = [];
      do {
        const next = orders.shift();
        if (next !== undefined) responses.push(await responseTo(next.id, next.order));
      } while (orders.length > 0 && performance.now() < untilMs);
      port.postMessage(responses);
      await new Promise((resolve) => setImmediate(resolve)); // receives the orders that arrived meanwhile
    }
    isRunning = false;
  }

  port.onmessage = ({ data }) => {
    if ("start" in data) started.resolve(data.start);
    else {
      orders.push(data);
      if (!isRunning) void runAll();
    }
  };
}
