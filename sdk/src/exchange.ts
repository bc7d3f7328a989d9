import { apiError, ConnectionError, type Flaw, ResponseFormatError } from "./errors.ts";
import type { Hide } from "./secrets.ts";
import type { Fetch } from "./settings.ts";
import { fits, type Shape } from "./shape.ts";

/** One request, ready to be sent, and sent again. */
export type Outgoing = {
  /** `group.verbNoun`, for messages */
  operation: string;
  url: string;
  init: RequestInit;
  fetch: Fetch;
  /** of the answer's `data`; undefined where it has none */
  shape: Shape | undefined;
  isPage: boolean;
  hide(): Hide;
};

/** A whole answer of the API. */
export type Envelope = {
  meta: { requestId: string };
  data?: unknown;
  pagination?: { hasMore: boolean; cursor?: string };
};

/**
 * Sends it once and reads the answer.
 * Errors: `ConnectionError`, `ResponseFormatError`, `ApiError` and its kinds.
 */
export async function exchange(outgoing: Outgoing): Promise<Envelope> {
  const response = await sent(outgoing);
  const { text, isWhole } = await read(response);
  const body = isWhole ? json(text) : undefined;
  if (response.ok && isAnswer(body, outgoing)) return body;
  if (!response.ok && isRefusal(body)) throw refusal(outgoing, response, text);
  throw unreadable(outgoing, response, text, isWhole);
}

async function sent({ operation, url, init, fetch, hide }: Outgoing): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error));
    const code = codeOf(reason);
    const said =
      reason.cause instanceof Error ? `${reason.message}: ${reason.cause.message}` : reason.message;
    const told = code === undefined || said.includes(code) ? "" : ` (${code})`;
    throw new ConnectionError(
      hide()(
        `${operation} got no answer from ${new URL(url).origin}: ${said}${told}; see whether the server runs there.`,
      ),
      { code, refused: isRefused(code, said), cause: safeCopy(reason, hide()) },
    );
  }
}

/** Node keeps it in `cause`, and there in `errors` where it tried several addresses. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, errors, cause } = error as { code?: unknown; errors?: unknown[]; cause?: unknown };
  return typeof code === "string" ? code : (codeOf(errors?.[0]) ?? codeOf(cause));
}

/** As Node, Bun and Deno say it; a browser does not tell, so there it is never known. */
function isRefused(code: string | undefined, message: string): boolean {
  return /^(ECONNREFUSED|ConnectionRefused)$/.test(code ?? "") || /connection refused/i.test(message);
}

/** A `fetch` of the caller's own may put the request, and so the root key, into its errors. */
function safeCopy(error: Error, hide: Hide): Error {
  const copy = new Error(hide(error.message));
  copy.name = error.name;
  copy.stack = hide(error.stack ?? "");
  return copy;
}

/** As much of the body as came. */
async function read(response: Response): Promise<{ text: string; isWhole: boolean }> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const reader = response.body?.getReader();
  if (reader === undefined) return { text: await response.text(), isWhole: true };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { text: await decoded(parts), isWhole: true };
      parts.push(value);
    }
  } catch {
    return { text: await decoded(parts), isWhole: false };
  }
}

/** One part, which is the usual case, without the detour. */
function decoded(parts: Uint8Array<ArrayBuffer>[]): string | Promise<string> {
  return parts.length === 1 ? new TextDecoder().decode(parts[0]) : new Blob(parts).text();
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAnswer(body: unknown, { shape, isPage }: Outgoing): body is Envelope {
  return fits(body, {
    meta: { requestId: "string" },
    ...(shape !== undefined && { data: shape }),
    ...(isPage && { pagination: { hasMore: "boolean" } }),
  });
}

type Refusal = {
  meta: { requestId: string };
  error: { title: string; detail: string; status: number; type: string; errors?: unknown };
};

function isRefusal(body: unknown): body is Refusal {
  return fits(body, {
    meta: { requestId: "string" },
    error: { title: "string", detail: "string", status: "number", type: "string" },
  });
}

/** Read again with the secrets out, so that no part of the error can hold one. */
function refusal({ operation, hide }: Outgoing, { headers, status }: Response, text: string): Error {
  const body = hide()(text);
  const { meta, error } = JSON.parse(body) as Refusal;
  const { title, detail, type } = error;
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
  { operation, hide, url }: Outgoing,
  { headers, status }: Response,
  whole: string,
  isWhole: boolean,
): ResponseFormatError {
  const text = hide()(whole).slice(0, 200);
  const cutOff = !isWhole || (whole.startsWith("{") && json(whole) === undefined);
  const what = cutOff ? "an answer that is cut off" : "what is no answer of this API";
  return new ResponseFormatError(
    `${operation} got ${what}, with status ${status}; see what stands between here and ${new URL(url).origin}: ${text}`,
    { status, headers, text, cutOff },
  );
}
