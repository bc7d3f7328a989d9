import type { MetaTypes } from "./calls.ts";
import type { LatchkeyError } from "./errors.ts";
import type { VerifyKeyData, VerifyKeyInput } from "./operations.gen.ts";
import type { HeaderChoice } from "./rateLimitHeaders.ts";
import type { Refusal, Reply } from "./refusals.ts";

/** A key that a guard has verified: the fields of its valid verdict, such as `keyId`, `identity` and `permissions`. */
export type VerifiedKey<M extends MetaTypes = MetaTypes> = Extract<VerifyKeyData<M>, { valid: true }>;

/** The fields of a verification. If the client's type lists limits and quotas, only their names are allowed. */
type Asked<M extends MetaTypes = MetaTypes> = Omit<
  VerifyKeyInput,
  "key" | "ratelimits" | "quotas" | "keyspaces" | "ip"
> & {
  ratelimits?: (AskedLimit & { name: LimitName<M> })[] | undefined;
  quotas?: (AskedQuota & { name: QuotaName<M> })[] | undefined;
  /**
   * Accepts only keys of these apis; any other key is refused as unknown. Each entry is the id of an api, or its
   * `keyspaceId`, which identifies the same set of keys.
   */
  apis?: string[] | undefined;
};
type AskedLimit = NonNullable<VerifyKeyInput["ratelimits"]>[number];
type AskedQuota = NonNullable<VerifyKeyInput["quotas"]>[number];
type LimitName<M extends MetaTypes> = M extends { limits: infer Name extends string } ? Name : string;
type QuotaName<M extends MetaTypes> = M extends { quotas: infer Name extends string } ? Name : string;

/**
 * How a guard verifies keys: the fields of `keys.verifyKey`, each a value or a function that computes it from the
 * request, and the options below.
 */
export type GuardOptions<Request, M extends MetaTypes = MetaTypes> = {
  [Member in keyof Asked]?:
    | Asked<M>[Member]
    | ((request: Request) => Asked<M>[Member] | Promise<Asked<M>[Member]>);
} & {
  /**
   * Where the request has its key: the name of a header, or a function that returns the key.
   * @default "authorization", whose value is `Bearer <key>`
   */
  key?: string | ((request: Request) => string | null | undefined | Promise<string | null | undefined>);
  /**
   * The client's IP address. Without an address, the server refuses keys with an `ipAllowList`. `false` sends no
   * address.
   * @default the address that the framework determines with its setting for trusted proxies; none for Next.js and
   * `guard`
   */
  clientIp?: false | ((request: Request) => string | null | undefined | Promise<string | null | undefined>);
  /** How long a verification may take in milliseconds, including retries. @default 1000 */
  timeoutMs?: number;
  /** What to do with requests while the server is unavailable or overloaded. @default "refuse" */
  onUnavailable?: "refuse" | "allow";
  /**
   * Reuses the verdict of a key for up to `ttlMs` milliseconds, if neither the key nor the guard has limits, quotas or
   * credits.
   * During that time a revoked key keeps working, and the server does not count its requests as usage.
   * @default no cache
   */
  cache?: { ttlMs: number };
  /**
   * Which rate limit headers responses carry: `RateLimit` and `RateLimit-Policy` ("standard"), or
   * `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` ("legacy").
   * @default "standard"
   */
  rateLimitHeaders?: HeaderChoice;
  /**
   * Changes the response to a refused request. Members that the function does not return stay unchanged. The request
   * stays refused.
   */
  onRefused?: (refusal: Refusal, request: Request) => Reply | undefined | Promise<Reply | undefined>;
  /**
   * Called once when verifications begin to fail, once when they work again, and when the guard is probably
   * misconfigured. @default `console.error` with the message
   */
  log?: (message: string, error: LatchkeyError | undefined) => void;
};

/** The verified key. It can be undefined only with `onUnavailable: "allow"`, while the server is unavailable. */
export type GuardedKey<M extends MetaTypes, Options> = Options extends { onUnavailable: infer Choice }
  ? "allow" extends Choice
    ? VerifiedKey<M> | undefined
    : VerifiedKey<M>
  : VerifiedKey<M>;
