import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardedKey, GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";
import { refusalResponse } from "./refusals.ts";

/** A request whose key was verified. */
export type WithKey<Incoming, Key> = Incoming & { readonly verifiedKey: Key };

/**
 * `withKey` of a platform: it wraps a handler. The handler's further parameters, such as `{ params }` of a route or
 * `env` and `ctx` of a Worker, are passed on to it.
 */
export type Wrap = ReturnType<typeof wrapping>;

/** Creates `withKey` for a platform. `addressOf` reads the client's address, if the platform provides it. */
export function wrapping(addressOf?: (request: Request) => unknown) {
  return <
    M extends MetaTypes,
    const Options extends GuardOptions<Incoming, M>,
    Incoming extends Request = Request,
    Others extends unknown[] = unknown[],
  >(
    latchkey: ClientSource<M, [Incoming, ...Others]>,
    options: Checked<M, Options>,
    handler: (
      request: WithKey<Incoming, GuardedKey<M, Options>>,
      ...others: Others
    ) => Response | Promise<Response>,
  ): ((request: Incoming, ...others: Others) => Promise<Response>) => {
    const judge = judging<Incoming, M, Options>(options);
    return async (request, ...others) => {
      const client = await clientFor(latchkey, request, ...others);
      const verdict = await judge(client, {
        request,
        subject: request,
        header: (name) => request.headers.get(name),
        address: addressOf && (() => addressOf(request)),
      });
      if (!verdict.passed) return refusalResponse(verdict);
      const response = await handler(Object.assign(request, { verifiedKey: verdict.key }), ...others);
      return withHeaders(response, verdict.headers);
    };
  };
}

/**
 * Wraps a handler that requires a further permission. Wrap the result in `withKey`, which verifies the key. Checking
 * the permission sends no request to the server and counts against no limit.
 */
export function withPermission<
  Incoming extends Request,
  Others extends unknown[],
  Permission extends string = string,
>(
  permissions: Permission,
  handler: (request: Incoming, ...others: Others) => Response | Promise<Response>,
  options: PermissionOptions<Incoming> = {},
): (request: Incoming, ...others: Others) => Promise<Response> {
  const judge = permitting<Incoming>(permissions, options);
  return async (request, ...others) => {
    const refusal = await judge({ request, subject: request });
    return refusal === undefined ? handler(request, ...others) : refusalResponse(refusal);
  };
}

/** Adds headers to a copy of the response, because some responses, such as those of `fetch`, have immutable headers. */
function withHeaders(response: Response, added: Record<string, string>): Response {
  const names = Object.keys(added).filter((name) => !response.headers.has(name));
  if (names.length === 0) return response;
  const copy = new Response(response.body, response);
  for (const name of names) copy.headers.set(name, added[name] ?? "");
  return copy;
}
