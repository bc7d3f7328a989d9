/** The types of an application: the `meta` of its identities and keys, its permissions, the names of its limits and quotas. */
export type MetaTypes = {
  identity?: object;
  key?: object;
  permissions?: string;
  limits?: string;
  quotas?: string;
};

export type IdentityMeta<M extends MetaTypes> = M extends { identity: infer Own extends object }
  ? Own
  : Record<string, unknown>;
export type KeyMeta<M extends MetaTypes> = M extends { key: infer Own extends object }
  ? Own
  : Record<string, unknown>;

/** `requestId` identifies the request in the server's log. */
type Meta = { meta: { requestId: string } };

/** `warnings`: what was done as requested but was probably not meant. */
export type EmptyResult = Meta & { warnings?: string[] };

export type Result<T> = Meta & { data: T };

/** A response as it arrived, unparsed. `text` may hold secrets, such as a key that was just created. */
export type RawResponse = { status: number; headers: Headers; text: string };

/** A call in progress. `withResponse()` resolves to the same result together with the raw response. */
export type Call<Result> = Promise<Result> & {
  withResponse(): Promise<Result & { response: RawResponse }>;
};

/** One page of a list. */
export type Page<T> = Result<T[]> & {
  pagination: { hasMore: boolean; cursor?: string; completeSince?: number };
  /** Resolves to the next page, or to null after the last one. */
  next(): Promise<Page<T> | null>;
};

/** The first page, and a way through all items: `for await (const item of call)`. */
export type PageCall<T> = Call<Page<T>> &
  AsyncIterable<T> & {
    pages(): AsyncIterable<Page<T>>;
  };

/** When and how a failed attempt is retried. Times are in milliseconds. */
export type Retries =
  | { strategy: "none" }
  | {
      strategy: "backoff";
      backoff?: {
        /** The upper bound of the first wait. Each wait is random, between zero and its bound. @default 50 */
        initialInterval?: number;
        /** The bound grows no further than this. @default 1000 */
        maxInterval?: number;
        /** The factor by which the bound grows after each attempt. @default 1.5 */
        exponent?: number;
        /** No retry begins later than this after the call began. @default 10000 */
        maxElapsedTime?: number;
      };
      /** Whether to retry if no complete response arrived. @default true */
      retryConnectionErrors?: boolean;
      /** Whether to retry a 429 after its Retry-After, if the time left allows it. @default true */
      retryTooManyRequests?: boolean;
    };

/** Spelled out, because `HeadersInit` is not a global type in every runtime. */
export type HeaderValues = Headers | Record<string, string> | [name: string, value: string][];

/** Options of one call. */
export type CallOptions = {
  /** Replaces the client's `retries`. */
  retries?: Retries | undefined;
  /** At most this many retries, within the limits of `retries`. */
  maxRetries?: number | undefined;
  /** Fails at once if the server is unreachable: nothing listens there, or a proxy returns 502, 503 or 504. @default false */
  failFast?: boolean | undefined;
  /** How long the call may take in milliseconds, including retries and the waits between them. */
  timeoutMs?: number | undefined;
  /** Ends the call at once when it aborts. */
  signal?: AbortSignal | undefined;
  /** Added to the client's headers. */
  headers?: HeaderValues | undefined;
  serverURL?: string | undefined;
  /** For calls that write: a call with the same key and input is done once. @default a random key for each call */
  idempotencyKey?: string | undefined;
};
