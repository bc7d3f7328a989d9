/** The types of your own `meta`: of identities and of keys. */
export type MetaTypes = { identity?: object; key?: object };

export type IdentityMeta<M extends MetaTypes> = M extends { identity: infer Own extends object }
  ? Own
  : Record<string, unknown>;
export type KeyMeta<M extends MetaTypes> = M extends { key: infer Own extends object }
  ? Own
  : Record<string, unknown>;

/** `requestId` names the request in the server's log. */
export type EmptyAnswer = { meta: { requestId: string } };

export type Answer<T> = EmptyAnswer & { data: T };

/** One page of a list. */
export type Page<T> = Answer<T[]> & {
  pagination: { hasMore: boolean; cursor?: string };
  /** The page after this one, null after the last. */
  next(): Promise<Page<T> | null>;
};

/** The first page, and a way through all of them: `for await (const item of call)`. */
export type PageCall<T> = Promise<Page<T>> &
  AsyncIterable<T> & {
    pages(): AsyncIterable<Page<T>>;
  };

/** Repeating what failed on the way. Times are in milliseconds. */
export type Retries =
  | { strategy: "none" }
  | {
      strategy: "backoff";
      backoff?: {
        /** The longest first wait; each wait is drawn evenly between zero and its longest. @default 50 */
        initialInterval?: number;
        /** What the longest wait grows to. @default 1000 */
        maxInterval?: number;
        /** By how much the longest wait grows each time. @default 1.5 */
        exponent?: number;
        /** No repetition begins later than this after the call began. @default 10000 */
        maxElapsedTime?: number;
      };
      /** Whether also to repeat where no whole answer came. @default true */
      retryConnectionErrors?: boolean;
      /** Whether to wait as long as a 429 asks, where that fits into the time left. @default true */
      retryTooManyRequests?: boolean;
    };

/** Written out, as not every runtime's types name it. */
export type HeaderValues = Headers | Record<string, string> | [name: string, value: string][];

/** What one call may set for itself. */
export type CallOptions = {
  /** Instead of the client's. */
  retries?: Retries | undefined;
  /** How long the call may take, repetitions and the waits between them included; milliseconds. */
  timeoutMs?: number | undefined;
  /** Ends the call at once. */
  signal?: AbortSignal | undefined;
  /** Beside the client's. */
  headers?: HeaderValues | undefined;
  serverURL?: string | undefined;
  /** Of calls that write: a call with the same key and input is done once. One is made up where none is given. */
  idempotencyKey?: string | undefined;
};
