import { catalogue, type Failure } from "../errors.ts";

export const json = "application/json";
export const problemJson = "application/problem+json";

/** The wire form of a failure. `typeBase` is an address ending in a slash. */
export function problemBody(failure: Failure, requestId: string, typeBase: string): string {
  const { status, type, title } = catalogue[failure.code];
  const error = { title, detail: failure.message, status, type: typeBase + type };
  // the 400 family always carries the list, and so does whatever has places to name
  const listsFlaws = status === 400 || status === 408 || status === 413 || failure.flaws.length > 0;
  return JSON.stringify({
    meta: { requestId },
    error: listsFlaws ? { ...error, errors: failure.flaws } : error,
  });
}

/**
 * The content type of an error: the one that the operation's documentation names, which is what the official
 * clients need for their typed errors, unless the client asks for problem+json by name.
 */
export function problemType(status: number, documented: boolean | undefined, accept: string | null): string {
  if (status === 429 || documented === true) return problemJson;
  return accept?.toLowerCase().includes(problemJson) === true ? problemJson : json;
}
