import { nextTurn } from "../domain/nextTurn.ts";

/**
 * The protocol between the main thread and a background thread. The main thread sends orders, which are numbered
 * messages. The background thread responds to each order with rows or an error. It may send the responses to several
 * short orders together.
 */

/** A background thread, as the main thread uses it. */
export type WorkerThread<Order> = {
  /**
   * Sends an order and waits for the rows. Errors: what `failure` (see `startWorker`) makes of the thread's error. An
   * order to a thread that has ended fails, too.
   */
  ask(order: Order): Promise<unknown[]>;
  close(): Promise<void>;
};

type ThreadError = { message: string; code?: string | undefined };

export type ThreadRequest<Start, Order> = { start: Start } | { id: number; order: Order };
export type ThreadResponse = { id: number; rows: unknown[] } | { id: number; error: ThreadError };

const endMessage = "The thread has ended.";

type Waiting = { resolve(rows: unknown[]): void; reject(error: unknown): void };

/**
 * Starts a thread that runs `script`, which must call `followOrders`. The thread receives `start` before its first
 * order. `failure` turns an error of the thread into the error that `ask` throws.
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
  let hasEnded = false;
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
  worker.addEventListener("close", () => {
    hasEnded = true;
    fail(endMessage);
  });
  send({ start });
  worker.unref();
  return {
    ask(order) {
      if (hasEnded) return Promise.reject(failure({ message: endMessage }));
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
 * The longest time in milliseconds that a finished response waits for short orders behind it, to be sent with their
 * responses. Each message wakes the main thread: with a message per list, 64 concurrent lists took the main thread 75
 * µs longer each.
 */
const batchMs = 2;

/**
 * Runs the orders of the main thread one at a time, in the sequence in which they were sent. Call it in the script of a
 * background thread. `isShort` says which orders take so little time that a finished response may wait for them.
 * Default: none.
 */
export function followOrders<Start, Order>(
  follow: (order: Order, start: Start) => unknown[] | Promise<unknown[]>,
  isShort: (order: Order) => boolean = () => false,
): void {
  const port = globalThis as unknown as Port<Start, Order>;
  const started = Promise.withResolvers<Start>();
  const orders: { id: number; order: Order }[] = [];
  let isRunning = false;

  async function responseTo(id: number, order: Order): Promise<ThreadResponse> {
    try {
      return { id, rows: await follow(order, await started.promise) };
    } catch (error) {
      return { id, error: errorOf(error) };
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
      } while (orders[0] !== undefined && isShort(orders[0].order) && performance.now() < untilMs);
      send(port, responses);
      await nextTurn(); // receives the orders that arrived meanwhile
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

/**
 * Sends the responses together. If one of them cannot be sent, sends each response by itself, and an error in place of
 * the response that cannot be sent.
 */
function send(port: Pick<Port<never, never>, "postMessage">, responses: readonly ThreadResponse[]): void {
  try {
    port.postMessage(responses);
  } catch (error) {
    if (responses.length > 1) for (const response of responses) send(port, [response]);
    else port.postMessage(responses.map(({ id }) => ({ id, error: errorOf(error) })));
  }
}

function errorOf(error: unknown): ThreadError {
  const { message = String(error), code } = error as { message?: string; code?: unknown };
  return { message, code: typeof code === "string" ? code : undefined };
}
