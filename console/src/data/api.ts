/**
 * Calls operations for the session in this browser. The types of the operations come from the SDK, which is generated
 * from `openapi.json`.
 */
import type { Latchkey } from "@latchkey/sdk";
import { ApiError, ConnectionLost, type Flaw } from "./errors.ts";

/** The names of all operations: `group.verbNoun`. */
export type OperationName = {
  [G in keyof Latchkey & string]: `${G}.${keyof Latchkey[G] & string}`;
}[keyof Latchkey & string];

type Method<N extends OperationName> = N extends `${infer G extends keyof Latchkey & string}.${infer V}`
  ? V extends keyof Latchkey[G]
    ? Latchkey[G][V]
    : never
  : never;

export type Input<N extends OperationName> =
  Method<N> extends (input: infer I, ...rest: never[]) => unknown ? NonNullable<I> : never;
type Returned<N extends OperationName> = Method<N> extends (...all: never[]) => infer R ? Awaited<R> : never;
/** the type of an operation's `data` */
export type Data<N extends OperationName> = Returned<N> extends { data: infer D } ? D : undefined;
/** the type of an item, if `data` is a list */
export type Item<N extends OperationName> = Data<N> extends (infer I)[] ? I : never;

export type Response<N extends OperationName> = {
  data: Data<N>;
  pagination?: { hasMore: boolean; cursor?: string };
  requestId: string;
};

export type CallOptions = { signal?: AbortSignal; idempotencyKey?: string };

/**
 * Calls an operation. Errors: `ApiError` if the server refused the call, `ConnectionLost` if no response arrived within
 * a minute.
 */
export async function call<N extends OperationName>(
  name: N,
  input: Input<N>,
  { signal, idempotencyKey }: CallOptions = {},
): Promise<Response<N>> {
  const headers = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
  const { meta, data, pagination } = await send("POST", `api/${name}`, input, { signal, headers });
  return {
    data: data as Data<N>,
    requestId: meta.requestId,
    ...(pagination === undefined ? {} : { pagination }),
  };
}

type Envelope = {
  meta: { requestId: string };
  data?: unknown;
  pagination?: { hasMore: boolean; cursor?: string };
  error?: { status: number; type: string; title: string; detail: string; errors?: Flaw[] };
};

type SendOptions = { signal?: AbortSignal | undefined; headers?: Record<string, string> };

/** More than any call takes. Without a timeout, a dialog could never be closed if the server hangs. */
const timeoutMs = 60_000;

/** Sends a request to a path below `/console/`. If `body` is omitted, the body is empty. */
export async function send(
  method: "POST" | "DELETE",
  path: string,
  body: unknown,
  { signal, headers = {} }: SendOptions = {},
): Promise<Envelope> {
  const signals = [AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])];
  let envelope: Envelope;
  try {
    const response = await fetch(`/console/${path}`, {
      method,
      headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any(signals),
    });
    envelope = (await response.json()) as Envelope;
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ConnectionLost();
  }
  if (envelope.error !== undefined) throw new ApiError(envelope.error, envelope.meta.requestId);
  return envelope;
}
