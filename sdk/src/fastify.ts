import type { FastifyReply, FastifyRequest } from "fastify";
import type { MetaTypes } from "./answers.ts";
import { type GuardOptions, judging, type Lent, type VerifiedKey } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Latchkey } from "./latchkey.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set by `requireKey`; its `keyOf` knows more of the type. */
    verifiedKey?: VerifiedKey;
  }
}

/** A hook with `keyOf(request)`, the verified key of a request that came through it. */
export type KeyHook<Key> = ((request: FastifyRequest, reply: FastifyReply) => Promise<unknown>) &
  Pick<Keyring<Key>, "keyOf">;

/**
 * A hook for Fastify, as `onRequest` or `preHandler`: only requests with a valid key come through, and have it as
 * `request.verifiedKey`.
 */
export function requireKey<
  M extends MetaTypes,
  const Options extends GuardOptions<FastifyRequest> = GuardOptions<FastifyRequest>,
>(latchkey: Latchkey<M>, options: Options = {} as Options): KeyHook<Lent<M, Options>> {
  const judge = judging<FastifyRequest, M, Options>(latchkey, options);
  const { keep, keyOf } = keyring<Lent<M, Options>>();
  const hook = async (request: FastifyRequest, reply: FastifyReply) => {
    const verdict = await judge(request, (name) => request.headers[name]);
    if (!verdict.passed) {
      return reply.code(verdict.status).headers(verdict.headers).send(JSON.stringify(verdict.problem));
    }
    keep(request, verdict.key);
    if (verdict.key !== undefined) request.verifiedKey = verdict.key as VerifiedKey;
    return undefined;
  };
  return Object.assign(hook, { keyOf });
}
