import type { CallOptions } from "./calls.ts";
import { type Ending, endingOf } from "./ending.ts";
import { LatchkeyError } from "./errors.ts";
import type { Envelope } from "./exchange.ts";

type Verify = (input: unknown, options?: CallOptions) => Promise<Envelope>;

/** How verifications are sent: `one` sends one verification, `many` sends several in one request. */
export type Sending = {
  one: Verify;
  /** resolves to the outcome of each verification */
  many(inputs: readonly unknown[], options: CallOptions): Promise<readonly (Envelope | LatchkeyError)[]>;
  /** how long a call with these options may take: its own `timeoutMs`, or else the client's */
  timeoutMs(options: CallOptions): number;
};

type Waiting = {
  input: unknown;
  failFast: boolean;
  timeoutMs: number;
  ending: Ending;
  /** called if the call times out or is aborted before its result arrives */
  onEnd(): void;
  resolve(result: Envelope): void;
  reject(error: unknown): void;
};

/** At most this many verifications in one request, so that its response stays small. */
const largestBatch = 64;
/** When a request has taken longer than this, later calls no longer wait for it. */
const slowAfterMs = 100;

/**
 * Collects verifications and sends them in one request. If no request is in flight, a call is sent immediately, so a
 * single call never waits. Otherwise the call waits until the request in flight has completed. The next request then
 * carries all calls that wait. Each call keeps its own timeout and signal. If the server does not have
 * `keys.verifyKeys`, every later call is sent alone.
 */
export function coalescing(sending: Sending): Verify {
  const waiting = new Set<Waiting>();
  const inFlight = new Set<{ sinceMs: number }>();
  let isOffered = true;

  const isBusy = () => [...inFlight].some(({ sinceMs }) => performance.now() - sinceMs < slowAfterMs);

  /** Tracks a request that is in flight. When it has completed, the calls that waited for it are sent. */
  function tracked<T>(request: Promise<T>): Promise<T> {
    const flight = { sinceMs: performance.now() };
    inFlight.add(flight);
    const over = () => {
      inFlight.delete(flight);
      sendWaiting();
    };
    request.then(over, over);
    return request;
  }

  function sendWaiting(): void {
    const [first] = waiting;
    if (first === undefined || isBusy()) return;
    const batch = [...waiting].filter(({ failFast }) => failFast === first.failFast).slice(0, largestBatch);
    for (const one of batch) waiting.delete(one);
    void tracked(isOffered && batch.length > 1 ? sendTogether(batch) : sendEach(sending, batch)).catch(
      () => {},
    );
  }

  async function sendTogether(batch: readonly Waiting[]): Promise<void> {
    const { signal, options } = optionsFor(batch);
    try {
      const inputs = batch.map(({ input }) => input);
      settleAll(batch, await sending.many(inputs, { ...options, signal }));
    } catch (error) {
      const { status } = error as { status?: unknown };
      if (status === 404) isOffered = false;
      // the server does not know the operation, or the body was too large; either way the server has verified nothing
      if (status === 404 || status === 413) return sendEach(sending, batch);
      for (const { reject } of batch) reject(error);
    }
  }

  /** Adds a call to the next request. Rejects early if the call times out or is aborted. */
  function join(input: unknown, options: CallOptions): Promise<Envelope> {
    const timeoutMs = sending.timeoutMs(options);
    const ending = endingOf("keys.verifyKey", timeoutMs, options.signal);
    const joined = new Promise<Envelope>((resolve, reject) => {
      const { failFast = false } = options;
      const one: Waiting = { input, failFast, timeoutMs, ending, onEnd() {}, resolve, reject };
      waiting.add(one);
      ending.ended.catch((error: unknown) => {
        waiting.delete(one);
        reject(error);
        one.onEnd();
      });
    });
    sendWaiting();
    return joined.finally(ending.release);
  }

  return async (input, options = {}) => {
    if (!isOffered || isSpecial(options)) return sending.one(input, options);
    return isBusy() || waiting.size > 0 ? join(input, options) : tracked(sending.one(input, options));
  };
}

async function sendEach({ one }: Sending, batch: readonly Waiting[]): Promise<void> {
  await Promise.all(
    batch.map(({ input, failFast, timeoutMs, ending, resolve, reject }) =>
      one(input, { failFast, timeoutMs, signal: ending.signal }).then(resolve, reject),
    ),
  );
}

function settleAll(batch: readonly Waiting[], results: readonly (Envelope | LatchkeyError)[]): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const result = results[index];
    if (result === undefined || result instanceof LatchkeyError) reject(result);
    else resolve(result);
  }
}

/** Whether a call has options that apply to a whole request, such as headers. Such a call is sent alone. */
function isSpecial({ headers, serverURL, retries, maxRetries, idempotencyKey }: CallOptions): boolean {
  return (headers ?? serverURL ?? retries ?? maxRetries ?? idempotencyKey) !== undefined;
}

/**
 * Returns the signal and the options of a batch's request. The request gets the longest timeout among its calls. It is
 * aborted when every call has timed out or was aborted.
 */
function optionsFor(batch: readonly Waiting[]): { signal: AbortSignal; options: CallOptions } {
  const controller = new AbortController();
  let left = batch.length;
  for (const one of batch) {
    one.onEnd = () => {
      left -= 1;
      if (left === 0) controller.abort();
    };
  }
  const timeoutMs = Math.max(...batch.map((one) => one.timeoutMs));
  return { signal: controller.signal, options: { failFast: batch[0]?.failFast, timeoutMs } };
}
