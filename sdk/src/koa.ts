import type { Context, Next } from "koa";
import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardedKey, GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";
import type { Refusal } from "./refusals.ts";

/**
 * The middleware from `requireKey`. Its `keyOf(ctx)` returns the key of a request that passed this middleware, and
 * throws a `LatchkeyError` for any other request.
 */
export type KeyMiddleware<Key> = ((context: Context, next: Next) => Promise<void>) &
  Pick<Keyring<Key>, "keyOf">;

/** Middleware for Koa. Only requests with a valid key pass; the route finds the key in `ctx.state.verifiedKey`. */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Context, M> = GuardOptions<Context, M>,
>(
  latchkey: ClientSource<M, [Context]>,
  options: Checked<M, Options> = {} as Checked<M, Options>,
): KeyMiddleware<GuardedKey<M, Options>> {
  const judge = judging<Context, M, Options>(options);
  const { keep, keyOf } = keyring<GuardedKey<M, Options>>();
  const middleware = async (context: Context, next: Next) => {
    const client = await clientFor(latchkey, context);
    const verdict = await judge(client, {
      request: context,
      subject: context,
      header: (name) => context.headers[name],
      address: () => context.ip,
    });
    if (!verdict.passed) return refuse(context, verdict);
    context.set(verdict.headers);
    keep(context, verdict.key);
    context.state["verifiedKey"] = verdict.key;
    await next();
  };
  return Object.assign(middleware, { keyOf });
}

/**
 * Middleware for routes that require a further permission. It checks the key that `requireKey` has verified. It sends
 * no request to the server and counts against no limit.
 */
export function requirePermission<Permission extends string = string>(
  permissions: Permission,
  options: PermissionOptions<Context> = {},
): (context: Context, next: Next) => Promise<void> {
  const judge = permitting<Context>(permissions, options);
  return async (context, next) => {
    const refusal = await judge({ request: context, subject: context });
    if (refusal !== undefined) return refuse(context, refusal);
    await next();
  };
}

function refuse(context: Context, { status, headers, body }: Refusal): void {
  context.status = status;
  context.body = body;
  // after the body, because Koa sets its own Content-Type when the body is a string
  context.set(headers);
}
