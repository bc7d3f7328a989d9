import { Failure } from "../errors.ts";
import type { BodyBudget } from "./admission.ts";

/** What sets how long the runtime leaves a connection on which nothing happens; seconds. */
export type IdleTimer = { timeout(request: Request, seconds: number): void };

/** How long the runtime leaves a silent connection; it counts in steps, of which the first may be all but over. */
export const idleSeconds = 8;
const stepSeconds = 4;
const slowestBytesPerMs = 16;
/** Up to this size the runtime's own timer holds a body to that speed; it measures larger ones too strictly. */
const smallBytes = (idleSeconds - stepSeconds) * 1000 * slowestBytesPerMs;

/** Up to this size bodies are bounded by the number of connections; what is held of larger ones is counted. */
const uncountedBytes = 16 * 1024;

/** A body may pause, and fall behind its speed at its start, for `patienceMs`. */
const pace = { patienceMs: 9_500, longestMs: 75_000, slowestBytesPerMs };

/**
 * The whole body, to be followed by `dropBody`.
 * Errors: `request_body_too_large` above `maxBytes`, from the declared length or while reading; `request_timeout`
 * where it comes too slowly; `invalid_input` for a length that is none and a body that ends before it;
 * `server_overloaded` where `budget` has no room for it.
 */
export async function readBody(
  request: Request,
  maxBytes: number,
  idle: IdleTimer,
  budget: BodyBudget,
): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null && !/^\d{1,16}$/.test(declared)) {
    throw new Failure("invalid_input", { detail: "Content-Length is not one whole number." });
  }
  const length = declared === null ? undefined : Number(declared);
  if (length !== undefined && length > maxBytes) throw tooLarge(maxBytes);
  if (length !== undefined && length <= uncountedBytes) return request.bytes().catch(endedEarly);
  if (length !== undefined && length <= smallBytes) return readDeclared(request, length, budget);
  if (request.body === null) return new Uint8Array();
  idle.timeout(request, 0);
  try {
    return await readCounted(request.body.getReader(), maxBytes, budget);
  } finally {
    idle.timeout(request, idleSeconds);
  }
}

/** Gives back what a body that was read had taken. */
export function dropBody({ byteLength }: Uint8Array, budget: BodyBudget): void {
  if (byteLength > uncountedBytes) budget.giveBack(byteLength);
}

async function readDeclared(request: Request, length: number, budget: BodyBudget): Promise<Uint8Array> {
  budget.take(length);
  try {
    return await request.bytes();
  } catch (error) {
    budget.giveBack(length);
    return endedEarly(error);
  }
}

/** Counts what has come, not what is declared: who declares much and sends nothing holds no room. */
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
    isKept = body.byteLength > uncountedBytes;
    return body;
  } finally {
    if (!isKept) budget.giveBack(taken);
  }
}

type Reader = { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };

/** A large body, or one of unknown length: counted and timed while it arrives. Errors: those of `readBody`. */
export async function readPaced(
  reader: Reader,
  maxBytes: number,
  { patienceMs, longestMs, slowestBytesPerMs } = pace,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const startedAt = performance.now();
  let total = 0;
  for (;;) {
    const spentMs = performance.now() - startedAt;
    const allowedMs = Math.min(longestMs, Math.max(patienceMs, total / slowestBytesPerMs));
    const { done, value } = await within(
      Math.max(0, Math.min(patienceMs, allowedMs - spentMs)),
      reader.read(),
    );
    if (done) return Buffer.concat(parts);
    if (value === undefined) continue;
    parts.push(value);
    total += value.byteLength;
    if (total > maxBytes) throw tooLarge(maxBytes);
  }
}

/** Errors: `request_timeout` after `ms`. */
async function within<T>(ms: number, arriving: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Failure("request_timeout", { headers: { Connection: "close" } })),
      ms,
    );
  });
  try {
    return await Promise.race([arriving.catch(endedEarly), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The connection is closed, since the rest of the body is not read. */
function tooLarge(maxBytes: number): Failure {
  return new Failure("request_body_too_large", {
    detail: `The body is larger than the ${maxBytes} bytes that are taken here.`,
    headers: { Connection: "close" },
  });
}

function endedEarly(cause: unknown): never {
  if (cause instanceof Failure) throw cause;
  throw new Failure("invalid_input", { detail: "The body ended before its declared length.", cause });
}
