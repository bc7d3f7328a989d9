import { nextTurn } from "../domain/nextTurn.ts";
import { Failure } from "../errors/failure.ts";
import type { BodyBudget } from "./admission.ts";

/**
 * The memory of bodies above this size is counted against a budget. Smaller bodies are not counted, because the number
 * of connections bounds their memory.
 */
const smallBytes = 16 * 1024;

/**
 * A body may pause for `patienceMs` at most, and must be complete after `longestMs`. After its first `patienceMs`, it
 * must have arrived at `slowestBytesPerMs` or faster on average.
 */
const pace = { patienceMs: 9_500, longestMs: 75_000, slowestBytesPerMs: 16 };

/** After this many parts of a body, other requests get a turn, because a sender may split its body into any number. */
const partsPerTurn = 64;

/**
 * Returns the length that the request declares, or undefined if it declares none.
 * Errors: `request_body_too_large` above `maxBytes`; `invalid_input` if the length is not a whole number.
 */
export function declaredLength({ headers }: Request, maxBytes: number): number | undefined {
  const declared = headers.get("content-length");
  if (declared === null) return undefined;
  if (!/^\d{1,16}$/.test(declared)) {
    throw new Failure("invalid_input", {
      detail: "The Content-Length header is not a whole number. Send the body's length in bytes.",
    });
  }
  const length = Number(declared);
  if (length > maxBytes) throw tooLarge(maxBytes);
  return length;
}

/** Whether the body is declared to have at most `smallBytes`. */
export function isSmall(length: number | undefined): boolean {
  return length !== undefined && length <= smallBytes;
}

/**
 * Reads the whole body, whose declared length is `length`. Call `dropBody` when the body is no longer needed.
 * Errors: `request_body_too_large` above `maxBytes`; `request_timeout` if the body comes too slowly; `invalid_input` if
 * the connection ends before the body does; `server_overloaded` if `budget` has no room for the body.
 */
export async function readBody(
  request: Request,
  length: number | undefined,
  maxBytes: number,
  budget: BodyBudget,
): Promise<Uint8Array> {
  if (isSmall(length)) return readSmall(request);
  if (request.body === null) return new Uint8Array();
  return readCounted(request.body.getReader(), maxBytes, budget);
}

function readSmall(request: Request): Promise<Uint8Array> {
  return new Promise((arrived, failed) => {
    void takeSmall(request, { sinceMs: performance.now(), arrived, failed });
  });
}

/** Receives a small body. Either `arrived` or `failed` is called, once. */
export type BodyTaker = {
  /** when the request began, by the monotonic clock */
  readonly sinceMs: number;
  arrived(body: Uint8Array): void;
  /** `reason`: `request_timeout` or `invalid_input`, as for `readBody` */
  failed(reason: Failure): void;
};

/** The takers whose bodies have not arrived yet, the oldest first. */
const takers = new Set<BodyTaker>();
const checkEveryMs = 500;
let isChecking = false;

/**
 * Reads a body for which `isSmall` is true. Every verification calls this function, so it allocates little: a single
 * timer watches all small bodies, whereas `readPaced` sets a timer for each part of a body.
 */
export async function takeSmall(request: Request, taker: BodyTaker): Promise<void> {
  takers.add(taker);
  if (!isChecking) checkLater();
  let body: Uint8Array;
  try {
    body = await request.bytes();
  } catch (reason) {
    if (takers.delete(taker)) taker.failed(endedEarly(reason));
    return;
  }
  if (takers.delete(taker)) taker.arrived(body); // otherwise `refuseLate` has refused the request
}

function checkLater(): void {
  isChecking = true;
  setTimeout(refuseLate, checkEveryMs).unref();
}

function refuseLate(): void {
  isChecking = false;
  const latestMs = performance.now() - pace.patienceMs;
  for (const taker of takers) {
    if (taker.sinceMs > latestMs) break;
    takers.delete(taker);
    taker.failed(tooLate());
  }
  if (takers.size > 0) checkLater();
}

/** Gives the memory of a body back to the budget, if the body was large enough to be counted. */
export function dropBody({ byteLength }: Uint8Array, budget: BodyBudget): void {
  if (byteLength > smallBytes) budget.giveBack(byteLength);
}

/** Counts only bytes that have arrived, so that a sender who declares a large body but sends nothing uses no budget. */
async function readCounted(reader: Reader, maxBytes: number, budget: BodyBudget): Promise<Uint8Array> {
  let taken = 0;
  let isKept = false;
  async function read() {
    const part = await reader.read();
    budget.take(part.value?.byteLength ?? 0);
    taken += part.value?.byteLength ?? 0;
    return part;
  }
  try {
    const body = await readPaced({ read }, maxBytes);
    isKept = body.byteLength > smallBytes;
    return body;
  } finally {
    if (!isKept) budget.giveBack(taken);
  }
}

type Reader = { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };

/** Reads a large body, or one of unknown length, and holds the sender to `pace`. Errors: those of `readBody`. */
export async function readPaced(
  reader: Reader,
  maxBytes: number,
  { patienceMs, longestMs, slowestBytesPerMs } = pace,
): Promise<Uint8Array> {
  const startedAt = performance.now();
  let body = new Uint8Array(Math.min(smallBytes, maxBytes));
  let total = 0;
  for (let parts = 1; ; parts += 1) {
    const spentMs = performance.now() - startedAt;
    const allowedMs = Math.min(longestMs, Math.max(patienceMs, total / slowestBytesPerMs));
    const { done, value } = await within(
      Math.max(0, Math.min(patienceMs, allowedMs - spentMs)),
      reader.read(),
    );
    if (done) return body.subarray(0, total);
    if (value === undefined) continue;
    if (total + value.byteLength > maxBytes) throw tooLarge(maxBytes);
    body = grown(body, total, value.byteLength, maxBytes);
    // parts are copied into one array: if every part is one byte, an array each would take a hundred times the memory
    body.set(value, total);
    total += value.byteLength;
    if (parts % partsPerTurn === 0) await nextTurn();
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Returns `body`, or a larger copy of its first `used` bytes if `more` bytes do not fit behind them. */
function grown(body: Bytes, used: number, more: number, maxBytes: number): Bytes {
  if (used + more <= body.byteLength) return body;
  const larger = new Uint8Array(Math.min(maxBytes, Math.max(used + more, used * 2)));
  larger.set(body.subarray(0, used));
  return larger;
}

/** Errors: `request_timeout` after `ms`; `invalid_input` if the body breaks off. */
async function within<T>(ms: number, arriving: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate()), ms);
  });
  try {
    return await Promise.race([arriving, late]);
  } catch (reason) {
    throw endedEarly(reason);
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(): Failure {
  return new Failure("request_timeout", { headers: { Connection: "close" } });
}

/** Closes the connection, because the server does not read the rest of the body. */
function tooLarge(maxBytes: number): Failure {
  return new Failure("request_body_too_large", {
    detail: `The body is larger than ${maxBytes} bytes, the limit of this operation. Send less at a time.`,
    headers: { Connection: "close" },
  });
}

/** A `Failure` is returned unchanged. Any other error means that the connection broke off. */
function endedEarly(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  return new Failure("invalid_input", {
    detail: "The connection ended before the whole body had arrived. Send the request again.",
    cause,
  });
}
