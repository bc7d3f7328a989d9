import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardedKey, GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import type { Checked } from "./knownNames.ts";
import { type Refusal, refusalResponse } from "./refusals.ts";
import type { Pass } from "./verifying.ts";

/** A request of any kind: web `Headers`, or names in lower case with their values. */
export type WithHeaders = { headers: Headers | Readonly<Record<string, string | string[] | undefined>> };

/**
 * Creates a check for requests: `const verdict = await check(request)`, then use `verdict.key` or send
 * `verdict.response`. `check({ headers })` does for frameworks that have no adapter here.
 * Errors: only those that the options' own functions throw.
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

/** Plain objects may come from anywhere, so their names are compared without case. */
export function headerOf(headers: WithHeaders["headers"], name: string): unknown {
  if (typeof headers.get === "function") return headers.get(name);
  const found = Object.entries(headers).find(([own]) => own.toLowerCase() === name);
  return found?.[1];
}
