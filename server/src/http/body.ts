import { Failure } from "../errors.ts";

/** What sets how long the runtime leaves a connection on which nothing happens; seconds. */
export type IdleTimer = { timeout(request: Request, seconds: number): void };

/** How long the runtime leaves a silent connection; it counts in steps of 4 seconds. */
export const idleSeconds = 8;
const slowestBytesPerMs = 16;
/** Up to this size the runtime's own timer holds a body to that speed; it measures larger ones too strictly. */
const smallBytes = idleSeconds * 1000 * slowestBytesPerMs;

/** A body may pause, and fall behind its speed at its start, for `patienceMs`. */
const pace = { patienceMs: 9_500, longestMs: 75_000, slowestBytesPerMs };

/**
 * The whole body.
 * Errors: `request_body_too_large` above `maxBytes`, from the declared length or while reading; `request_timeout`
 * where it comes too slowly; `invalid_input` for a length that is none and a body that ends before it.
 */
export async function readBody(request: Request, maxBytes: number, idle: IdleTimer): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null && !/^\d{1,16}$/.test(declared)) {
    throw new Failure("invalid_input", { detail: "Content-Length is not one whole number." });
  }
  const length = declared === null ? undefined : Number(declared);
  if (length !== undefined && length > maxBytes) throw tooLarge(maxBytes);
  if (length !== undefined && length <= smallBytes) return request.bytes().catch(endedEarly);
  if (request.body === null) return new Uint8Array();
  idle.timeout(request, 0);
  try {
    return await readPaced(request.body.getReader(), maxBytes);
  } finally {
    idle.timeout(request, idleSeconds);
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
  throw new Failure("invalid_input", { detail: "The body ended before its declared length.", cause });
}
