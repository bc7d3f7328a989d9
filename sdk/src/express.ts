import type { Request } from "express";
import type { MetaTypes } from "./answers.ts";
import { type GuardOptions, judging, type Lent, type VerifiedKey } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Latchkey } from "./latchkey.ts";

declare global {
  namespace Express {
    interface Request {
      /** Set by `requireKey`; its `keyOf` knows more of the type. */
      verifiedKey?: VerifiedKey;
    }
  }
}

/** As much of Express's request and response as is needed: a route keeps the types of its own parameters so. */
type Incoming = { headers: Record<string, string | string[] | undefined>; verifiedKey?: VerifiedKey };
type Outgoing = {
  status(code: number): unknown;
  set(headers: Record<string, string>): unknown;
  end(body: string): unknown;
};

/** Middleware with `keyOf(request)`, the verified key of a request that came through it. */
export type KeyMiddleware<Key> = ((
  request: Incoming,
  response: Outgoing,
  next: (error?: unknown) => void,
) => Promise<void>) &
  Pick<Keyring<Key>, "keyOf">;

/** Middleware for Express: only requests with a valid key come through, and have it as `request.verifiedKey`. */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Request> = GuardOptions<Request>,
>(latchkey: Latchkey<M>, options: Options = {} as Options): KeyMiddleware<Lent<M, Options>> {
  const judge = judging<Request, M, Options>(latchkey, options);
  const { keep, keyOf } = keyring<Lent<M, Options>>();
  const middleware = async (request: Incoming, response: Outgoing, next: (error?: unknown) => void) => {
    try {
      const verdict = await judge(request as Request, (name) => request.headers[name]);
      if (!verdict.passed) {
        response.status(verdict.status);
        response.set(verdict.headers);
        response.end(JSON.stringify(verdict.problem));
        return;
      }
      keep(request, verdict.key);
      if (verdict.key !== undefined) request.verifiedKey = verdict.key as VerifiedKey;
      next();
    } catch (error) {
      next(error);
    }
  };
  return Object.assign(middleware, { keyOf });
}
