import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import type { Checked } from "./knownNames.ts";
import { refusalResponse } from "./refusals.ts";
import { type Wrap, wrapping } from "./web.ts";

export { type WithKey, withPermission } from "./web.ts";

/**
 * Wraps a route handler. Only requests with a valid key reach it, with the key as `request.verifiedKey`. Keys with an
 * `ipAllowList` need the option `clientIp`, since Next.js does not know the client's address.
 */
export const withKey: Wrap = wrapping();

/**
 * A proxy for Next.js, in `proxy.ts` (`middleware.ts` before Next.js 16): it returns the refusal of a request without a
 * valid key, and undefined for the others, which then go on to their route.
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
