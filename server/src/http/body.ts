import { Failure } from "../errors.ts";

/** A body must arrive within this, or faster than `slowestBytesPerMs`. */
const patienceMs = 10_000;
const longestMs = 75_000;
const slowestBytesPerMs = 16;

/**
 * The whole body.
 * Errors: `request_body_too_large` above `maxBytes`, from the declared length or while reading; `request_timeout`
 * where it does not arrive; `invalid_input` for a length that is none.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null && !/^\d{1,15}$/.test(declared)) {
    throw new Failure("invalid_input", { detail: "Content-Length is not one whole number." });
  }
  const length = declared === null ? undefined : Number(declared);
  if (length !== undefined && length > maxBytes) throw tooLarge(maxBytes);
  if (length !== undefined && length <= patienceMs * slowestBytesPerMs) {
    return withinPatience(request.bytes());
  }
  return readSlowly(request, maxBytes);
}

/** Wrong where it is larger than allowed; the connection is closed, since the rest of the body is not read. */
function tooLarge(maxBytes: number): Failure {
  return new Failure("request_body_too_large", {
    detail: `The body is larger than the ${maxBytes} bytes that are taken here.`,
    headers: { Connection: "close" },
  });
}

function tooSlow(): Failure {
  return new Failure("request_timeout", { headers: { Connection: "close" } });
}

type Waiting = { sinceMs: number; giveUp(): void };

/** One timer watches all bodies on their way, so that a request costs a set's entry and not a timer. */
const onTheirWay = new Set<Waiting>();
let watching: ReturnType<typeof setInterval> | undefined;

function watch(waiting: Waiting): void {
  onTheirWay.add(waiting);
  watching ??= setInterval(() => {
    const oldest = performance.now() - patienceMs;
    for (const one of onTheirWay) if (one.sinceMs < oldest) one.giveUp();
    if (onTheirWay.size > 0) return;
    clearInterval(watching);
    watching = undefined;
  }, 500);
}

function withinPatience<T>(arriving: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const waiting: Waiting = {
      sinceMs: performance.now(),
      giveUp: () => {
        onTheirWay.delete(waiting);
        reject(tooSlow());
      },
    };
    watch(waiting);
    arriving.then(
      (arrived) => {
        onTheirWay.delete(waiting);
        resolve(arrived);
      },
      (cause) => {
        onTheirWay.delete(waiting);
        reject(new Failure("invalid_input", { detail: "The body ended before its declared length.", cause }));
      },
    );
  });
}

/** A large body, or one of unknown length: counted while it arrives. */
async function readSlowly(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  const startedAt = performance.now();
  let total = 0;
  for (;;) {
    const { done, value } = await withinPatience(reader.read());
    if (done) return Buffer.concat(parts);
    parts.push(value);
    total += value.byteLength;
    if (total > maxBytes) throw tooLarge(maxBytes);
    const elapsed = performance.now() - startedAt;
    if (elapsed > longestMs) throw tooSlow();
    if (elapsed > patienceMs && total < elapsed * slowestBytesPerMs) throw tooSlow();
  }
}
