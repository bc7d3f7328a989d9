import { catalogue } from "../errors/catalogue.ts";
import { type ErrorBody, Failure } from "../errors/failure.ts";
import type { Operation } from "../operation.ts";

export const json = "application/json";
export const problemJson = "application/problem+json";

/** The body of an error response. `typeBase` is the URL in front of the error's type. It ends in a slash. */
export function problemBody(failure: Failure, requestId: string, typeBase: string): string {
  return JSON.stringify({ meta: { requestId }, error: errorBody(failure, typeBase) });
}

export function errorBody(failure: Failure, typeBase: string): ErrorBody {
  const { status, type, title } = catalogue[failure.code];
  const error = { title, detail: failure.message, status, type: typeBase + type };
  // with these statuses, clients expect the list `errors` even if it is empty
  const listsFlaws = status === 400 || status === 408 || status === 413 || failure.flaws.length > 0;
  return listsFlaws ? { ...error, errors: [...failure.flaws] } : error;
}

/**
 * The content type of an error. Unkey's documentation names a content type for each operation and status. Unkey's
 * clients create a typed error only if the response has that type. If that type is plain JSON, a client still gets
 * problem+json if its Accept header names problem+json.
 */
export function problemType(
  status: number,
  documented: Pick<Operation, "problemJson" | "json429"> | undefined,
  accept: string | null,
): string {
  if (isProblemJson(status, documented ?? {})) return problemJson;
  return accept?.toLowerCase().includes(problemJson) === true ? problemJson : json;
}

/** Whether an operation's error with this status is `application/problem+json` in Unkey's documentation. */
export function isProblemJson(
  status: number,
  { problemJson, json429 }: Pick<Operation, "problemJson" | "json429">,
): boolean {
  return problemJson === true || (status === 429 && json429 !== true);
}

/**
 * The response with status 500 if even the building of an error response has failed. It uses nothing of the request.
 */
export function faultResponse(requestId: string, typeBase: string): Response {
  return new Response(problemBody(new Failure("unexpected_error"), requestId, typeBase), {
    status: 500,
    headers: { "Content-Type": json, "X-Request-Id": requestId, "Cache-Control": "no-store" },
  });
}
