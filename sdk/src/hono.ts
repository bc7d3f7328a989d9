import type { Context, MiddlewareHandler } from "hono";
import type { MetaTypes } from "./calls.ts";
import { addressInHono } from "./clientAddress.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardedKey, GuardOptions, VerifiedKey } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";
import { refusalResponse } from "./refusals.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** Set by `requireKey`; undefined on routes that it does not guard. */
    verifiedKey: VerifiedKey | undefined;
  }
}

/** What a guarded route finds in `c.var`. */
export type KeyVariables<Key> = { Variables: { verifiedKey: Key } };

/** Middleware with `keyOf(c)`, which returns the key of a request that passed this middleware. */
export type KeyMiddleware<Key> = MiddlewareHandler<KeyVariables<Key>> & Pick<Keyring<Key>, "keyOf">;

/** Middleware for Hono. Only requests with a valid key pass; they have it as `c.var.verifiedKey`. */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Context, M> = GuardOptions<Context, M>,
>(
  latchkey: ClientSource<M, [Context]>,
  options: Checked<M, Options> = {} as Checked<M, Options>,
): KeyMiddleware<GuardedKey<M, Options>> {
  const judge = judging<Context, M, Options>(options);
  const { keep, keyOf } = keyring<GuardedKey<M, Options>>();
  const middleware: MiddlewareHandler<KeyVariables<GuardedKey<M, Options>>> = async (context, next) => {
    const client = await clientFor(latchkey, context);
    const verdict = await judge(client, {
      request: context,
      subject: context,
      header: (name) => context.req.header(name),
      address: () => addressInHono(context.env, context.req.raw),
    });
    if (!verdict.passed) return refusalResponse(verdict);
    keep(context, verdict.key);
    context.set("verifiedKey", verdict.key);
    await next();
    for (const [name, value] of Object.entries(verdict.headers)) {
      if (!context.res.headers.has(name)) addHeader(context, name, value);
    }
    return undefined;
  };
  return Object.assign(middleware, { keyOf });
}

/**
 * Adds a header to a finished response. `context.header` would copy the response, so that Node's adapter has to stream its
 * body: that took a quarter of the guard's time. Only the headers of a response of `fetch` are immutable.
 */
function addHeader(context: Context, name: string, value: string): void {
  try {
    context.res.headers.set(name, value);
  } catch {
    context.header(name, value);
  }
}

/**
 * Middleware for the routes that need a further permission of the key that `requireKey` has verified. It asks the server
 * nothing and counts nothing.
 */
export function requirePermission<Permission extends string = string>(
  permissions: Permission,
  options: PermissionOptions<Context> = {},
): MiddlewareHandler {
  const judge = permitting<Context>(permissions, options);
  return async (context, next) => {
    const refusal = await judge({ request: context, subject: context });
    if (refusal !== undefined) return refusalResponse(refusal);
    await next();
    return undefined;
  };
}
