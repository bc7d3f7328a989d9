import type { MetaTypes } from "./answers.ts";
import { refusalResponse } from "./guard.ts";
import { type GuardOptions, judging, type Lent } from "./judge.ts";
import type { Latchkey } from "./latchkey.ts";

/** A request whose key was verified. */
export type WithKey<Incoming, Key> = Incoming & { readonly verifiedKey: Key };

/**
 * A route handler for Next.js that only requests with a valid key reach, with the key as `request.verifiedKey`:
 * `export const GET = withKey(latchkey, {}, (request) => Response.json(request.verifiedKey.identity))`.
 */
export function withKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Incoming>,
  Incoming extends Request = Request,
  Route = unknown,
>(
  latchkey: Latchkey<M>,
  options: Options,
  handler: (request: WithKey<Incoming, Lent<M, Options>>, route: Route) => Response | Promise<Response>,
): (request: Incoming, route: Route) => Promise<Response> {
  const judge = judging<Incoming, M, Options>(latchkey, options);
  return async (request, route) => {
    const verdict = await judge(request, (name) => request.headers.get(name));
    if (!verdict.passed) return refusalResponse(verdict);
    return handler(Object.assign(request, { verifiedKey: verdict.key }), route);
  };
}
