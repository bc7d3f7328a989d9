import type { CallOptions } from "./calls.ts";
import { type Ending, endingOf } from "./ending.ts";
import { LatchkeyError } from "./errors.ts";
import type { Envelope } from "./exchange.ts";

type Verify = (input: unknown, options?: CallOptions) => Promise<Envelope>;

/** How verifications are sent: one, or several in one request, which has one outcome for each. */
export type Sending = {
  one: Verify;
  many(inputs: readonly unknown[], options: CallOptions): Promise<readonly (Envelope | LatchkeyError)[]>;
  /** how long a call without a `timeoutMs` of its own may take */
  timeoutMs(options: CallOptions): number;
};

type Waiting = {
  input: unknown;
  failFast: boolean;
  timeoutMs: number;
  ending: Ending;
  /** called when the call has ended before its result */
  onEnd(): void;
  resolve(result: Envelope): void;
  reject(error: unknown): void;
};

/** A response to a request of this many is still small. */
const largestBatch = 64;
/** A request that takes longer no longer holds back the calls that come after it. */
const slowAfterMs = 100;

/**
 * Sends verifications that wait at the same moment in one request. A call goes out at once if none is in flight, so a
 * lone call never waits. Otherwise it joins the next request, which goes out when the one in flight is done. Timeouts and
 * signals stay per call. If the server has no `keys.verifyKeys`, every call is sent alone from then on.
 */
export function coalescing(sending: Sending): Verify {
  const waiting = new Set<Waiting>();
  const inFlight = new Set<{ sinceMs: number }>();
  let isOffered = true;

  const isBusy = () => [...inFlight].some(({ sinceMs }) => performance.now() - sinceMs < slowAfterMs);

  /** Sends what waits once this request is done. */
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
      // neither has any effect: an unknown operation, and more bytes than one request may have
      if (status === 404 || status === 413) return sendEach(sending, batch);
      for (const { reject } of batch) reject(error);
    }
  }

  /** Resolves or rejects when the call is done, or at its own end. */
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

/** A call that is not like the client's others goes alone. */
function isSpecial({ headers, serverURL, retries, maxRetries, idempotencyKey }: CallOptions): boolean {
  return (headers ?? serverURL ?? retries ?? maxRetries ?? idempotencyKey) !== undefined;
}

/** The request lasts as long as its most patient call, and is aborted when the last one has ended. */
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
