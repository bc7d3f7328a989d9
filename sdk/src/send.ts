import type { CallOptions } from "./calls.ts";
import { type Ending, endingOf } from "./ending.ts";
import { ApiError, LatchkeyError, ResponseFormatError } from "./errors.ts";
import { type Envelope, exchange, type Outgoing } from "./exchange.ts";
import { waitBefore } from "./retries.ts";
import { hiding, secretsIn } from "./secrets.ts";
import { forCall, type Settings } from "./settings.ts";
import type { Row } from "./shape.ts";

/**
 * Sends one call, and retries it as `retries` allows, until it has a result, must not be retried, times out or is
 * aborted. Errors: `LatchkeyError` and its subclasses.
 */
export async function send(
  client: () => Settings,
  operation: string,
  [marks, shape]: Row,
  input: unknown,
  options: CallOptions = {},
): Promise<Envelope> {
  const settings = forCall(client(), options);
  const { headers, timeoutMs } = settings;
  const body = jsonOf(operation, input);
  const ownHeaders = marks.includes("w") ? { "idempotency-key": idempotencyKey(options) } : {};
  const ending = endingOf(operation, timeoutMs, options.signal);
  const outgoing: Outgoing = {
    operation,
    sent: {
      url: `${settings.serverURL}/v2/${operation}`,
      headers: { ...headers, ...ownHeaders },
      body,
      signal: ending.signal,
    },
    transport: settings.transport,
    shape,
    isPage: marks.includes("p"),
    hide: () => hiding([settings.rootKey, ...bearer(headers), ...secretsIn(input)]),
  };
  const { failFast = false } = options;
  try {
    return await attempts(outgoing, settings, { counts: marks.includes("c"), failFast }, ending);
  } finally {
    ending.release();
  }
}

async function attempts(
  outgoing: Outgoing,
  settings: Settings,
  traits: { counts: boolean; failFast: boolean },
  { ended, signal }: Ending,
): Promise<Envelope> {
  const { retries, timeoutMs, maxRetries } = settings;
  const startedAt = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await Promise.race([watched(outgoing, settings, attempt), ended]);
    } catch (error) {
      const elapsedMs = performance.now() - startedAt;
      const progress = { attempt, elapsedMs, timeoutMs, maxRetries, ...traits };
      const wait = waitBefore(retries, error, progress);
      if (wait === undefined || signal.aborted) throw error;
      await sleep(wait, ended);
    }
  }
}

/** Makes one attempt, and calls the client's hooks and debug log if it has any. */
function watched(outgoing: Outgoing, settings: Settings, attempt: number): Promise<Envelope> {
  const { hooks, debug } = settings;
  const isWatched = (hooks.beforeRequest ?? hooks.afterResponse ?? debug) !== undefined;
  return isWatched ? watchedExchange(outgoing, settings, attempt) : exchange(outgoing);
}

async function watchedExchange(
  outgoing: Outgoing,
  { hooks, debug }: Settings,
  attempt: number,
): Promise<Envelope> {
  const { operation, sent, hide } = outgoing;
  const headers = { ...sent.headers };
  await hooks.beforeRequest?.({ operation, url: sent.url, headers, attempt });
  debug?.(hide()(`latchkey: ${operation} attempt ${attempt}: POST ${sent.url} ${sent.body}`));
  const startedAt = performance.now();
  const told = async (outcome: { status?: number; requestId?: string; error?: LatchkeyError }) => {
    const { status, requestId, error } = outcome;
    const durationMs = performance.now() - startedAt;
    const how = error === undefined ? `200 ${requestId}` : `${error.name} ${error.message}`;
    debug?.(hide()(`latchkey: ${operation} attempt ${attempt}: ${how} after ${durationMs.toFixed(1)} ms`));
    await hooks.afterResponse?.({ operation, attempt, durationMs, status, requestId, error });
  };
  let envelope: Envelope;
  try {
    envelope = await exchange({ ...outgoing, sent: { ...sent, headers } });
  } catch (error) {
    if (error instanceof LatchkeyError) await told({ ...seen(error), error });
    throw error;
  }
  await told({ status: 200, requestId: envelope.meta.requestId });
  return envelope;
}

function seen(error: LatchkeyError): { status?: number; requestId?: string } {
  if (error instanceof ApiError) return { status: error.status, requestId: error.requestId };
  return error instanceof ResponseFormatError ? { status: error.status } : {};
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

/** The idempotency key that all attempts of a call send, so that the server performs a retried write only once. */
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
    throw new LatchkeyError(`The input of ${operation} cannot be written as JSON; see \`cause\`.`, { cause });
  }
}

/** The credential in the headers: the root key, unless the application has set its own `authorization` header. */
function bearer(headers: Record<string, string>): string[] {
  return [headers["authorization"]?.replace(/^\S+\s+/, "") ?? ""];
}
