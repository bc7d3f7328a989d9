import type { RawResponse } from "./calls.ts";
import { apiError, ConnectionError, type Flaw, type LatchkeyError, ResponseFormatError } from "./errors.ts";
import type { Hide } from "./secrets.ts";
import { fits, type Shape } from "./shape.ts";
import type { Received, Sent, Transport } from "./transport.ts";

/** One request. A retry sends it again unchanged. */
export type Outgoing = {
  /** the operation's name, such as `keys.verifyKey`, for messages */
  operation: string;
  sent: Sent;
  transport: Transport;
  /** the shape that the response's `data` must have; undefined if responses of this operation have no `data` */
  shape: Shape | undefined;
  isPage: boolean;
  hide(): Hide;
};

/** A complete response of the API. */
export type Envelope = {
  meta: { requestId: string };
  data?: unknown;
  pagination?: { hasMore: boolean; cursor?: string; completeSince?: number };
};

/** For each parsed response, the raw response. */
export const rawResponses = new WeakMap<object, RawResponse>();

/**
 * Sends the request once and reads the response.
 * Errors: `ConnectionError`, `ResponseFormatError`, `ApiError` and its subclasses.
 */
export async function exchange(outgoing: Outgoing): Promise<Envelope> {
  const received = await receive(outgoing);
  const { status, headers, text, isWhole } = received;
  const body = isWhole ? json(text) : undefined;
  const isOk = status >= 200 && status < 300;
  if (isOk && isResult(body, outgoing)) {
    rawResponses.set(body, { status, headers, text });
    return body;
  }
  if (!isOk && isErrorResponse(body)) throw errorFrom(outgoing, received);
  throw unreadable(outgoing, received);
}

async function receive({ operation, sent, transport, hide }: Outgoing): Promise<Received> {
  try {
    return await transport(sent);
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error));
    const code = codeOf(reason);
    const said =
      reason.cause instanceof Error ? `${reason.message}: ${reason.cause.message}` : reason.message;
    const named = code === undefined || said.includes(code) ? "" : ` (${code})`;
    const { origin } = new URL(sent.url);
    throw new ConnectionError(
      hide()(
        `${operation} got no response from ${origin}: ${said || "unknown reason"}${named}. Check that the server runs there.`,
      ),
      { code, refused: isRefused(code, said), cause: safeCopy(reason, hide()) },
    );
  }
}

/** Finds an error's code. Node's `fetch` has it in `cause`, or in `cause.errors` if it tried several addresses. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, errors, cause } = error as { code?: unknown; errors?: unknown[]; cause?: unknown };
  return typeof code === "string" ? code : (codeOf(errors?.[0]) ?? codeOf(cause));
}

/** Recognizes a refused connection by the codes and messages of Node, Bun and Deno. Browsers do not give the reason. */
function isRefused(code: string | undefined, message: string): boolean {
  return /^(ECONNREFUSED|ConnectionRefused)$/.test(code ?? "") || /connection refused/i.test(message);
}

/** Copies an error with secrets masked: a `fetch` that the application has set may put the root key into its errors. */
function safeCopy(error: Error, hide: Hide): Error {
  const copy = new Error(hide(error.message));
  copy.name = error.name;
  copy.stack = hide(error.stack ?? "");
  return copy;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isResult(body: unknown, { shape, isPage }: Outgoing): body is Envelope {
  return fits(body, {
    meta: { requestId: "string" },
    ...(shape !== undefined && { data: shape }),
    ...(isPage && { pagination: { hasMore: "boolean" } }),
  });
}

type ErrorResponse = {
  meta: { requestId: string };
  error: { title: string; detail: string; status: number; type: string; errors?: unknown };
};

/** Whether a body is an error response of the API. */
export function isErrorResponse(body: unknown): body is ErrorResponse {
  return fits(body, {
    meta: { requestId: "string" },
    error: { title: "string", detail: "string", status: "number", type: "string" },
  });
}

/** Masks the secrets in the response's text before it creates the error, so no field of the error can hold a secret. */
function errorFrom({ operation, hide }: Outgoing, { headers, status, text }: Received): Error {
  return errorOfBody(operation, hide()(text), headers, status);
}

/** Creates the error for the body of an error response. The caller has masked the secrets in `body`. */
export function errorOfBody(
  operation: string,
  body: string,
  headers: Headers,
  httpStatus?: number,
): LatchkeyError {
  const { meta, error } = JSON.parse(body) as ErrorResponse;
  const { title, detail, type } = error;
  const status = httpStatus ?? error.status;
  return apiError(operation, {
    status,
    type,
    code: type.slice(type.lastIndexOf("/") + 1),
    title,
    detail,
    errors: Array.isArray(error.errors) ? error.errors.filter(isFlaw) : [],
    requestId: meta.requestId,
    headers,
    body,
  });
}

function isFlaw(value: unknown): value is Flaw {
  return fits(value, { location: "string", message: "string" });
}

function unreadable(
  { operation, hide, sent }: Outgoing,
  { headers, status, text: whole, isWhole }: Received,
): ResponseFormatError {
  const text = hide()(whole).slice(0, 200);
  const cutOff = !isWhole || (whole.startsWith("{") && json(whole) === undefined);
  const what = cutOff ? "an incomplete response" : "a response that is not from this API";
  const { origin } = new URL(sent.url);
  return new ResponseFormatError(
    `${operation} got ${what}, with status ${status}. Check ${origin} and any proxy in front of it. The response begins: ${text}`,
    { status, headers, text, cutOff },
  );
}
