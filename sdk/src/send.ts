import type { CallOptions } from "./answers.ts";
import { AbortError, LatchkeyError, TimeoutError } from "./errors.ts";
import { type Envelope, exchange, type Outgoing } from "./exchange.ts";
import { waitBefore } from "./retries.ts";
import { hiding, secretsIn } from "./secrets.ts";
import { forCall, type Settings } from "./settings.ts";
import type { Row } from "./shape.ts";

/**
 * One call: sent, and sent again as its retries say, until an answer, an error that stays, its time or its signal.
 * Errors: `LatchkeyError` and its kinds.
 */
export async function send(
  client: Settings,
  operation: string,
  [marks, shape]: Row,
  input: unknown,
  options: CallOptions = {},
): Promise<Envelope> {
  const settings = forCall(client, options);
  const { headers, timeoutMs } = settings;
  const controller = new AbortController();
  const init: RequestInit = {
    method: "POST",
    headers: marks.includes("w") ? { ...headers, "idempotency-key": idempotencyKey(options) } : headers,
    body: jsonOf(operation, input),
    signal: controller.signal,
    // a redirected root key is a root key in other hands
    redirect: "manual",
  };
  const outgoing: Outgoing = {
    operation,
    url: `${settings.serverURL}/v2/${operation}`,
    init,
    fetch: settings.fetch,
    shape,
    isPage: marks.includes("p"),
    hide: () => hiding([settings.rootKey, ...bearer(headers), ...secretsIn(input)]),
  };
  const end = endingOf(operation, controller, timeoutMs, options.signal);
  try {
    return await attempts(outgoing, settings, marks.includes("c"), end.ended);
  } finally {
    end.release();
  }
}

async function attempts(
  outgoing: Outgoing,
  { retries, timeoutMs }: Settings,
  counts: boolean,
  ended: Promise<never>,
): Promise<Envelope> {
  const startedAt = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await Promise.race([exchange(outgoing), ended]);
    } catch (error) {
      const elapsedMs = performance.now() - startedAt;
      const wait = waitBefore(retries, error, { attempt, elapsedMs, timeoutMs, counts });
      if (wait === undefined || outgoing.init.signal?.aborted === true) throw error;
      await sleep(wait, ended);
    }
  }
}

async function sleep(ms: number, ended: Promise<never>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([slept, ended]);
  } finally {
    clearTimeout(timer);
  }
}

/** The longest that a timer can be set to; what is longer has no end of its own. */
const longestMs = 2 ** 31 - 1;

/** `ended` rejects when the time is up or the signal aborts, and the request in flight is given up with it. */
function endingOf(
  operation: string,
  controller: AbortController,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): { ended: Promise<never>; release(): void } {
  let endWith: (error: LatchkeyError) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    endWith = (error) => {
      reject(error);
      controller.abort(error);
    };
  });
  ended.catch(() => {}); // it may end between two races
  const onAbort = () =>
    endWith(new AbortError(`${operation} was aborted by its signal.`, { cause: signal?.reason }));
  const timer =
    timeoutMs > longestMs
      ? undefined
      : setTimeout(
          () => endWith(new TimeoutError(`${operation} had no answer within its ${timeoutMs} ms.`)),
          timeoutMs,
        );
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort);
  return {
    ended,
    release() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** Kept over the call's repetitions, so that what they write is written once. */
function idempotencyKey({ idempotencyKey: given }: CallOptions): string {
  if (given === undefined) {
    return Array.from(crypto.getRandomValues(new Uint32Array(5)), (part) => part.toString(36)).join("-");
  }
  if (/^[!-~]{1,255}$/.test(given)) return given;
  throw new LatchkeyError("`idempotencyKey` must be 1 to 255 visible ASCII characters.");
}

function jsonOf(operation: string, input: unknown): string {
  try {
    return JSON.stringify(input ?? {});
  } catch (cause) {
    throw new LatchkeyError(`${operation} was given an input that JSON cannot hold.`, { cause });
  }
}

/** The credential, where the caller's own headers replaced the root key. */
function bearer(headers: Record<string, string>): string[] {
  return [headers["authorization"]?.replace(/^\S+\s+/, "") ?? ""];
}
