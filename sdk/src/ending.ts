import { AbortError, type LatchkeyError, TimeoutError } from "./errors.ts";

/** How a call ends before its time: `ended` rejects and `signal` aborts when the time is up or the caller aborts. */
export type Ending = { ended: Promise<never>; signal: AbortSignal; release(): void };

/** The longest delay that a timer supports. A longer timeout never ends the call. */
const longestMs = 2 ** 31 - 1;

export function endingOf(operation: string, timeoutMs: number, signal: AbortSignal | undefined): Ending {
  const controller = new AbortController();
  let endWith: (error: LatchkeyError) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    endWith = (error) => {
      reject(error);
      controller.abort(error);
    };
  });
  ended.catch(() => {}); // it may end while nothing waits for it
  const onAbort = () =>
    endWith(new AbortError(`${operation} was aborted by its signal.`, { cause: signal?.reason }));
  const timer =
    timeoutMs > longestMs
      ? undefined
      : setTimeout(
          () => endWith(new TimeoutError(`${operation} got no response within ${timeoutMs} ms.`)),
          timeoutMs,
        );
  if (signal?.aborted === true) onAbort();
  const forget = signal && whenAborted(signal, onAbort);
  return {
    ended,
    signal: controller.signal,
    release() {
      clearTimeout(timer);
      forget?.();
    },
  };
}

type Shared = { callbacks: Set<() => void>; listener: () => void };
const shared = new WeakMap<AbortSignal, Shared>();

/**
 * Adds one listener for all calls that share a signal, since Node warns of a leak from the eleventh listener on.
 * Returns a function that forgets the callback.
 */
function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks, listener } = shared.get(signal) ?? listenTo(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    signal.removeEventListener("abort", listener);
    shared.delete(signal);
  };
}

function listenTo(signal: AbortSignal): Shared {
  const callbacks = new Set<() => void>();
  const listener = () => {
    for (const callback of callbacks) callback();
  };
  signal.addEventListener("abort", listener);
  shared.set(signal, { callbacks, listener });
  return { callbacks, listener };
}
