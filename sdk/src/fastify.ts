import type { FastifyReply, FastifyRequest } from "fastify";
import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import type { GuardedKey, GuardOptions, VerifiedKey } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";

declare module "fastify" {
  interface FastifyRequest {
    /**
     * The key that `requireKey` has verified. To get it with the types of your client, call `keyOf(request)` of the
     * hook.
     */
    verifiedKey?: VerifiedKey;
  }
}

/** The few members of Fastify's request that the hooks use, so that the hooks fit a server of any type. */
type Incoming = { headers: Record<string, string | string[] | undefined>; verifiedKey?: VerifiedKey };
type Outgoing = Pick<FastifyReply, "code" | "headers" | "send">;

/**
 * The hook from `requireKey`. Its `keyOf(request)` returns the key of a request that passed this hook, and throws a
 * `LatchkeyError` for any other request.
 */
export type KeyHook<Key> = ((request: Incoming, reply: Outgoing) => Promise<unknown>) &
  Pick<Keyring<Key>, "keyOf">;

/**
 * A hook for Fastify 4 and 5, to use as `onRequest` or `preHandler`. Only requests with a valid key pass; the route
 * finds the key in `request.verifiedKey`.
 */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<FastifyRequest, M> = GuardOptions<FastifyRequest, M>,
>(
  latchkey: ClientSource<M, [FastifyRequest]>,
  options: Checked<M, Options> = {} as Checked<M, Options>,
): KeyHook<GuardedKey<M, Options>> {
  const judge = judging<FastifyRequest, M, Options>(options);
  const { keep, keyOf } = keyring<GuardedKey<M, Options>>();
  const hook = async (incoming: Incoming, reply: Outgoing) => {
    const request = incoming as FastifyRequest;
    const client = await clientFor(latchkey, request);
    const verdict = await judge(client, {
      request,
      subject: incoming,
      header: (name) => incoming.headers[name],
      address: () => request.ip,
    });
    reply.headers(verdict.headers);
    if (!verdict.passed) return reply.code(verdict.status).send(verdict.body);
    keep(incoming, verdict.key);
    if (verdict.key !== undefined) incoming.verifiedKey = verdict.key as VerifiedKey;
    return undefined;
  };
  return Object.assign(hook, { keyOf });
}

/**
 * A hook for routes that require a further permission. It checks the key that `requireKey` has verified. It sends no
 * request to the server and counts against no limit.
 */
export function requirePermission<Permission extends string = string>(
  permissions: Permission,
  options: PermissionOptions<FastifyRequest> = {},
): (request: Incoming, reply: Outgoing) => Promise<unknown> {
  const judge = permitting<FastifyRequest>(permissions, options);
  return async (incoming, reply) => {
    const refusal = await judge({ request: incoming as FastifyRequest, subject: incoming });
    if (refusal === undefined) return undefined;
    return reply.headers(refusal.headers).code(refusal.status).send(refusal.body);
  };
}
