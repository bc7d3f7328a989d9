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
    /** Set by `requireKey`; undefined on routes that do not use it. */
    verifiedKey: VerifiedKey | undefined;
  }
}

/** The type of a guarded route's `c.var`. */
export type KeyVariables<Key> = { Variables: { verifiedKey: Key } };

/**
 * The middleware from `requireKey`. Its `keyOf(c)` returns the key of a request that passed this middleware, and throws
 * a `LatchkeyError` for any other request.
 */
export type KeyMiddleware<Key> = MiddlewareHandler<KeyVariables<Key>> & Pick<Keyring<Key>, "keyOf">;

/** Middleware for Hono. Only requests with a valid key pass; the route finds the key in `c.var.verifiedKey`. */
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
 * Adds a header to a finished response, if possible without copying the response. `context.header` would copy it, and
 * Hono's adapter for Node would then stream the body, which takes a quarter of the guard's time. A copy is necessary
 * only if the headers are immutable, as in a response that came from `fetch`.
 */
function addHeader(context: Context, name: string, value: string): void {
  try {
    context.res.headers.set(name, value);
  } catch {
    context.header(name, value);
  }
}

/**
 * Middleware for routes that require a further permission. It checks the key that `requireKey` has verified. It sends
 * no request to the server and counts against no limit.
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
