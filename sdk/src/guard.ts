import type { MetaTypes } from "./answers.ts";
import { type GuardOptions, judging, type Lent, type Pass, type Refusal } from "./judge.ts";
import type { Latchkey } from "./latchkey.ts";

/**
 * Verifies the key of a web `Request`: `const verdict = await check(request)`, then either `verdict.key` or
 * `verdict.response`, which is ready to be sent.
 * Errors: only what the options' own functions throw.
 */
export function guard<
  M extends MetaTypes,
  const Options extends GuardOptions<Request> = GuardOptions<Request>,
>(
  latchkey: Latchkey<M>,
  options: Options = {} as Options,
): (request: Request) => Promise<Pass<Lent<M, Options>> | (Refusal & { response: Response })> {
  const judge = judging<Request, M, Options>(latchkey, options);
  return async (request) => {
    const verdict = await judge(request, (name) => request.headers.get(name));
    return verdict.passed ? verdict : { ...verdict, response: refusalResponse(verdict) };
  };
}

/** The refusal as a web `Response`. */
export function refusalResponse({ status, headers, problem }: Refusal): Response {
  return new Response(JSON.stringify(problem), { status, headers });
}
