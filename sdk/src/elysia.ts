import type { Context } from "elysia";
import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import { headerOf } from "./guard.ts";
import type { GuardedKey, GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";
import { refusalResponse } from "./refusals.ts";

/** The few members of Elysia's context that the hooks use, so that the hooks fit a route of any type. */
type Incoming = { request: Request; set: { headers: Record<string, unknown> } };

/**
 * The hook from `requireKey`. Its `keyOf(request)` returns the key of a request that passed this hook, and throws a
 * `LatchkeyError` for any other request.
 */
export type KeyHook<Key> = ((context: Incoming) => Promise<Response | undefined>) &
  Pick<Keyring<Key>, "keyOf">;

/**
 * A hook for Elysia, to use as `beforeHandle`. Only requests with a valid key pass; `keyOf(request)` returns that key.
 */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Context, M> = GuardOptions<Context, M>,
>(
  latchkey: ClientSource<M, [Context]>,
  options: Checked<M, Options> = {} as Checked<M, Options>,
): KeyHook<GuardedKey<M, Options>> {
  const judge = judging<Context, M, Options>(options);
  const { keep, keyOf } = keyring<GuardedKey<M, Options>>();
  const hook = async (incoming: Incoming) => {
    const context = incoming as Context;
    const client = await clientFor(latchkey, context);
    const { request } = incoming;
    const verdict = await judge(client, {
      request: context,
      subject: request,
      header: (name) => headerOf(request.headers, name),
      address: () => context.server?.requestIP(request)?.address,
    });
    if (!verdict.passed) return refusalResponse(verdict);
    keep(request, verdict.key);
    Object.assign(incoming.set.headers, verdict.headers);
    return undefined;
  };
  return Object.assign(hook, { keyOf });
}

/**
 * A hook for routes that require a further permission: `beforeHandle: [key, requirePermission("documents.write")]`. The
 * hook checks the key that `requireKey` has verified. It sends no request to the server and counts against no limit.
 */
export function requirePermission<Permission extends string = string>(
  permissions: Permission,
  options: PermissionOptions<Context> = {},
): (context: Incoming) => Promise<Response | undefined> {
  const judge = permitting<Context>(permissions, options);
  return async (incoming) => {
    const refusal = await judge({ request: incoming as Context, subject: incoming.request });
    return refusal === undefined ? undefined : refusalResponse(refusal);
  };
}
