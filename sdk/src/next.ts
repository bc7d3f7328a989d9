import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import type { Checked } from "./knownNames.ts";
import { refusalResponse } from "./refusals.ts";
import { type Wrap, wrapping } from "./web.ts";

export { type WithKey, withPermission } from "./web.ts";

/**
 * Wraps a route handler. Only requests with a valid key reach the handler, which finds the key in
 * `request.verifiedKey`. If keys have an `ipAllowList`, set the option `clientIp`, because Next.js does not know the
 * client's address.
 */
export const withKey: Wrap = wrapping();

/**
 * A function for `proxy.ts` of Next.js (`middleware.ts` before Next.js 16). It returns the response that refuses a
 * request without a valid key. For any other request it returns undefined, and Next.js calls the route.
 */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Incoming, M>,
  Incoming extends Request = Request,
>(
  latchkey: ClientSource<M, [Incoming]>,
  options: Checked<M, Options> = {} as Checked<M, Options>,
): (request: Incoming) => Promise<Response | undefined> {
  const judge = judging<Incoming, M, Options>(options);
  return async (request) => {
    const client = await clientFor(latchkey, request);
    const header = (name: string) => request.headers.get(name);
    const verdict = await judge(client, { request, subject: request, header });
    return verdict.passed ? undefined : refusalResponse(verdict);
  };
}
