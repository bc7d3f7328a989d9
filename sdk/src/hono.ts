import type { Context, MiddlewareHandler } from "hono";
import type { MetaTypes } from "./answers.ts";
import { refusalResponse } from "./guard.ts";
import { type GuardOptions, judging, type Lent } from "./judge.ts";
import type { Latchkey } from "./latchkey.ts";

/** What a guarded route finds in `c.var`. */
export type KeyVariables<Key> = { Variables: { verifiedKey: Key } };

/** Middleware for Hono: only requests with a valid key come through, and find it in `c.var.verifiedKey`. */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Context> = GuardOptions<Context>,
>(
  latchkey: Latchkey<M>,
  options: Options = {} as Options,
): MiddlewareHandler<KeyVariables<Lent<M, Options>>> {
  const judge = judging<Context, M, Options>(latchkey, options);
  return async (context, next) => {
    const verdict = await judge(context, (name) => context.req.header(name));
    if (!verdict.passed) return refusalResponse(verdict);
    context.set("verifiedKey", verdict.key);
    return next();
  };
}
