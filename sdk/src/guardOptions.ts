import type { MetaTypes } from "./calls.ts";
import type { LatchkeyError } from "./errors.ts";
import type { VerifyKeyData, VerifyKeyInput } from "./operations.gen.ts";
import type { HeaderChoice } from "./rateLimitHeaders.ts";
import type { Refusal, Reply } from "./refusals.ts";

/** What a valid key gives the request it came with. */
export type VerifiedKey<M extends MetaTypes = MetaTypes> = Extract<VerifyKeyData<M>, { valid: true }>;

/** What a guard asks of a key. Limits and quotas have the names that the client lists, if it lists any. */
type Asked<M extends MetaTypes = MetaTypes> = Omit<
  VerifyKeyInput,
  "key" | "ratelimits" | "quotas" | "keyspaces" | "ip"
> & {
  ratelimits?: (AskedLimit & { name: LimitName<M> })[] | undefined;
  quotas?: (AskedQuota & { name: QuotaName<M> })[] | undefined;
  /** Only keys of these apis are found, each named by its id or by that of its keyspace. */
  apis?: string[] | undefined;
};
type AskedLimit = NonNullable<VerifyKeyInput["ratelimits"]>[number];
type AskedQuota = NonNullable<VerifyKeyInput["quotas"]>[number];
type LimitName<M extends MetaTypes> = M extends { limits: infer Name extends string } ? Name : string;
type QuotaName<M extends MetaTypes> = M extends { quotas: infer Name extends string } ? Name : string;

/** How a route is guarded: the fields of `keys.verifyKey`, each a value or a function of the request, and the following. */
export type GuardOptions<Request, M extends MetaTypes = MetaTypes> = {
  [Member in keyof Asked]?:
    | Asked<M>[Member]
    | ((request: Request) => Asked<M>[Member] | Promise<Asked<M>[Member]>);
} & {
  /**
   * Where the key is: the name of a header, or a function that returns the key.
   * @default "authorization", as a bearer token
   */
  key?: string | ((request: Request) => string | null | undefined | Promise<string | null | undefined>);
  /**
   * The client's address, which keys with an `ipAllowList` need; false sends none.
   * @default what the framework knows, by its own setting of trusted proxies; nothing for Next.js and for `guard`
   */
  clientIp?: false | ((request: Request) => string | null | undefined | Promise<string | null | undefined>);
  /** How long a verification may take, retries included; milliseconds. @default 1000 */
  timeoutMs?: number;
  /** What to do with requests while the server is unreachable or overloaded. @default "refuse" */
  onUnavailable?: "refuse" | "allow";
  /**
   * Uses a verdict again for up to `ttlMs` milliseconds, if neither the key nor the guard has limits or credits.
   * For that long a revoked key keeps working, and its requests are missing from the usage.
   * @default no cache
   */
  cache?: { ttlMs: number };
  /**
   * Which rate limit headers responses carry: `RateLimit` and `RateLimit-Policy` ("standard"), or
   * `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` ("legacy").
   * @default "standard"
   */
  rateLimitHeaders?: HeaderChoice;
  /** Changes the response to a refused request. What it does not return stays; the request is refused in any case. */
  onRefused?: (refusal: Refusal, request: Request) => Reply | undefined | Promise<Reply | undefined>;
  /** Is called once when verification begins to fail and once when it works again. @default `console.error` with the message */
  log?: (message: string, error: LatchkeyError | undefined) => void;
};

/** The verified key. It can be undefined only if the options let requests through while the server is unreachable. */
export type GuardedKey<M extends MetaTypes, Options> = Options extends { onUnavailable: infer Choice }
  ? "allow" extends Choice
    ? VerifiedKey<M> | undefined
    : VerifiedKey<M>
  : VerifiedKey<M>;
