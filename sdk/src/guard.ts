import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardedKey, GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import type { Checked } from "./knownNames.ts";
import { type Refusal, refusalResponse } from "./refusals.ts";
import type { Pass } from "./verifying.ts";

/** A request of any framework: its headers are web `Headers`, or an object of header names and values. */
export type WithHeaders = { headers: Headers | Readonly<Record<string, string | string[] | undefined>> };

/**
 * Creates a check for requests: after `const verdict = await check(request)`, use `verdict.key` if `verdict.passed`,
 * and otherwise send `verdict.response`. For a framework without an adapter in this package, call `check({ headers })`.
 * Errors: only what a function among the options throws.
 */
export function guard<
  M extends MetaTypes,
  const Options extends GuardOptions<Request, M> = GuardOptions<Request, M>,
>(
  latchkey: ClientSource<M, [Request]>,
  options: Checked<M, Options> = {} as Checked<M, Options>,
): (
  request: Request | WithHeaders,
) => Promise<Pass<GuardedKey<M, Options>> | (Refusal & { response: Response })> {
  const judge = judging<Request, M, Options>(options);
  return async (incoming) => {
    const { headers } = incoming;
    const request = incoming as Request;
    const client = await clientFor(latchkey, request);
    const header = (name: string) => headerOf(headers, name);
    const verdict = await judge(client, { request, subject: incoming, header });
    return verdict.passed ? verdict : { ...verdict, response: refusalResponse(verdict) };
  };
}

/** Reads a header; `name` is in lower case. The names in a plain object may have any case. */
export function headerOf(headers: WithHeaders["headers"], name: string): unknown {
  if (typeof headers.get === "function") return headers.get(name);
  const found = Object.entries(headers).find(([own]) => own.toLowerCase() === name);
  return found?.[1];
}
