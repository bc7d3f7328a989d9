import { AbortError, type LatchkeyError, TimeoutError } from "./errors.ts";

/** Ends a call early: `ended` rejects and `signal` aborts when the call times out or the application aborts it. */
export type Ending = { ended: Promise<never>; signal: AbortSignal; release(): void };

/** The longest delay that `setTimeout` supports. A call with a longer timeout never times out. */
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
  ended.catch(() => {}); // otherwise a rejection while nothing awaits `ended` would be unhandled
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
 * Calls `callback` when the signal aborts. Calls that share a signal share one listener, because Node warns of a memory
 * leak from the eleventh listener on. Returns a function that removes the callback.
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
