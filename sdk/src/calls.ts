/**
 * The types of an application: the `meta` of its identities and keys, its permissions, the names of its limits
 * and quotas.
 */
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

/** The result of a call without data. A warning says what the server did although the call is probably a mistake. */
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
  /** Resolves to the next page, or to null after the last page. */
  next(): Promise<Page<T> | null>;
};

/** Resolves to the first page, and iterates over the items of all pages: `for await (const item of call)`. */
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
        /** The highest upper bound of a wait. @default 1000 */
        maxInterval?: number;
        /** The factor by which the bound grows after each attempt. @default 1.5 */
        exponent?: number;
        /** No retry starts later than this after the start of the call. @default 10000 */
        maxElapsedTime?: number;
      };
      /**
       * Whether to retry if the connection failed, or broke before the response was complete. A call that counts or
       * spends, such as a verification, is retried only if nothing listened at the server's address. @default true
       */
      retryConnectionErrors?: boolean;
      /**
       * Whether to retry a 429 after the time in its Retry-After header, if the call may last that long. A call that
       * counts or spends, such as a verification, is not retried. @default true
       */
      retryTooManyRequests?: boolean;
    };

/** The same type as `HeadersInit`, which is not a global type in every runtime. */
export type HeaderValues = Headers | Record<string, string> | [name: string, value: string][];

/** Options of one call. */
export type CallOptions = {
  /** Replaces the client's `retries`. */
  retries?: Retries | undefined;
  /** At most this many retries. The limits of `retries` still apply. */
  maxRetries?: number | undefined;
  /**
   * Does not retry if nothing listens at the server's address, or if a proxy returns 502, 503 or 504. @default false
   */
  failFast?: boolean | undefined;
  /** How long the call may take in milliseconds, including retries and the waits between them. */
  timeoutMs?: number | undefined;
  /** When this signal aborts, the call fails at once with an `AbortError`. */
  signal?: AbortSignal | undefined;
  /** Sent in addition to the client's `headers`. A header of the same name replaces the client's header. */
  headers?: HeaderValues | undefined;
  /** Replaces the client's `serverURL`. */
  serverURL?: string | undefined;
  /**
   * For calls that write: the server performs several calls with the same idempotency key and input only once.
   * @default a random key for each call
   */
  idempotencyKey?: string | undefined;
};
