import type { Request } from "express";
import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardedKey, GuardOptions, VerifiedKey } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";
import type { Refusal } from "./refusals.ts";

declare global {
  namespace Express {
    interface Request {
      /**
       * The key that `requireKey` has verified. To get it with the types of your client, call `keyOf(request)` of the
       * middleware.
       */
      verifiedKey?: VerifiedKey;
    }
  }
}

/** The few members of Express's request that the middleware uses, so that a route keeps the types of its parameters. */
type Incoming = { headers: Record<string, string | string[] | undefined>; verifiedKey?: VerifiedKey };
type Outgoing = {
  status(code: number): unknown;
  set(headers: Record<string, string>): unknown;
  end(body: string): unknown;
};

/**
 * The middleware from `requireKey`. Its `keyOf(request)` returns the key of a request that passed this middleware, and
 * throws a `LatchkeyError` for any other request.
 */
export type KeyMiddleware<Key> = ((
  request: Incoming,
  response: Outgoing,
  next: (error?: unknown) => void,
) => Promise<void>) &
  Pick<Keyring<Key>, "keyOf">;

/**
 * Middleware for Express 4 and 5. Only requests with a valid key pass; the route finds the key in
 * `request.verifiedKey`.
 */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Request, M> = GuardOptions<Request, M>,
>(
  latchkey: ClientSource<M, [Request]>,
  options: Checked<M, Options> = {} as Checked<M, Options>,
): KeyMiddleware<GuardedKey<M, Options>> {
  const judge = judging<Request, M, Options>(options);
  const { keep, keyOf } = keyring<GuardedKey<M, Options>>();
  const middleware = async (incoming: Incoming, response: Outgoing, next: (error?: unknown) => void) => {
    try {
      const request = incoming as Request;
      const client = await clientFor(latchkey, request);
      const verdict = await judge(client, {
        request,
        subject: incoming,
        header: (name) => incoming.headers[name],
        address: () => request.ip,
      });
      if (!verdict.passed) return refuse(response, verdict);
      response.set(verdict.headers);
      keep(incoming, verdict.key);
      if (verdict.key !== undefined) incoming.verifiedKey = verdict.key as VerifiedKey;
    } catch (error) {
      next(error);
      return;
    }
    next();
  };
  return Object.assign(middleware, { keyOf });
}

/**
 * Middleware for routes that require a further permission. It checks the key that `requireKey` has verified. It sends
 * no request to the server and counts against no limit.
 */
export function requirePermission<Permission extends string = string>(
  permissions: Permission,
  options: PermissionOptions<Request> = {},
): (request: Incoming, response: Outgoing, next: (error?: unknown) => void) => Promise<void> {
  const judge = permitting<Request>(permissions, options);
  return async (incoming, response, next) => {
    try {
      const refusal = await judge({ request: incoming as Request, subject: incoming });
      if (refusal !== undefined) return refuse(response, refusal);
    } catch (error) {
      next(error);
      return;
    }
    next();
  };
}

function refuse(response: Outgoing, { status, headers, body }: Refusal): void {
  response.set(headers);
  response.status(status);
  response.end(body);
}
