/**
 * One interface for all of Unkey's published clients, so that the same cases run through each of them. Names and values
 * are those of the HTTP API, whatever the client calls them in its language.
 */
export type OfficialClient = {
  /** package and version */
  name: string;
  /** Returns every operation that the client offers, by its name in the HTTP API. */
  operations(): Promise<ReadonlyMap<string, OfficialOperation>>;
  /** Calls an operation through the client's own method for it. */
  call(operation: string, input: Input, target: Target): Promise<Outcome>;
  /** Returns the `data` of every page that the client's own iterator yields. */
  pages(operation: string, input: Input, target: Target): Promise<unknown[][]>;
  close(): Promise<void>;
};

export type Fields = Record<string, unknown>;

/** A request's body. */
export type Input = Fields | Fields[];

export type Target = {
  url: string;
  /** the root key for the client; "": none */
  rootKey: string;
  /** how the client retries. `default`: as without a setting. `brief`: gives up after 300 ms. If omitted: `none` */
  retries?: "none" | "default" | "brief";
};

/** What the client's own code says about an operation. */
export type OfficialOperation = {
  /** the errors for which the client has a class, by status: the class, and the content type that the client expects */
  errors: ReadonlyMap<number, { className: string; contentType: string }>;
  /** whether its response has an iterator over pages */
  paged: boolean;
  /** every field that the client can send, such as `ratelimits[].name`; undefined if its code does not show this */
  fields?: readonly string[];
};

export type Outcome = { ok: true; response: ParsedResponse } | { ok: false; error: Refusal };

/** The response as the client parsed it. */
export type ParsedResponse = { meta: { requestId: string }; data?: unknown; pagination?: unknown };

export type Refusal = {
  className: string;
  /** the status; undefined if no request was sent or no response arrived */
  status?: number;
  message: string;
  /** the response's X-Request-Id */
  requestId?: string;
  /** the body as the client parsed it; undefined if the client threw `generalClass` */
  data?: { meta: { requestId: string }; error: Record<string, unknown> };
};

/** The class that each official client throws if it has no specific class for a response. */
export const generalClass = "APIError";
