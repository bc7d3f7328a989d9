import { catalogue } from "../errors/catalogue.ts";
import { type ErrorBody, Failure } from "../errors/failure.ts";
import type { Operation } from "../operation.ts";

export const json = "application/json";
export const problemJson = "application/problem+json";

/** The body of an error response. `typeBase` is an address that ends in a slash. */
export function problemBody(failure: Failure, requestId: string, typeBase: string): string {
  return JSON.stringify({ meta: { requestId }, error: errorBody(failure, typeBase) });
}

export function errorBody(failure: Failure, typeBase: string): ErrorBody {
  const { status, type, title } = catalogue[failure.code];
  const error = { title, detail: failure.message, status, type: typeBase + type };
  // clients expect the list `errors` with these statuses, even if it is empty
  const listsFlaws = status === 400 || status === 408 || status === 413 || failure.flaws.length > 0;
  return listsFlaws ? { ...error, errors: [...failure.flaws] } : error;
}

/**
 * The content type of an error. Unkey's documentation gives one for each operation and status, and Unkey's clients
 * build their typed errors only from this type. If it is plain JSON, the error is sent as problem+json only to a client
 * whose Accept header names problem+json.
 */
export function problemType(
  status: number,
  documented: Pick<Operation, "problemJson" | "json429"> | undefined,
  accept: string | null,
): string {
  if (isProblemJson(status, documented ?? {})) return problemJson;
  return accept?.toLowerCase().includes(problemJson) === true ? problemJson : json;
}

/** Whether Unkey's documentation gives an operation's error with this status as `application/problem+json`. */
export function isProblemJson(
  status: number,
  { problemJson, json429 }: Pick<Operation, "problemJson" | "json429">,
): boolean {
  return problemJson === true || (status === 429 && json429 !== true);
}

/** The 500 for a request of which nothing but its id is known. */
export function faultResponse(requestId: string, typeBase: string): Response {
  return new Response(problemBody(new Failure("unexpected_error"), requestId, typeBase), {
    status: 500,
    headers: { "Content-Type": json, "X-Request-Id": requestId, "Cache-Control": "no-store" },
  });
}
