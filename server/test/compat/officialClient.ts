/**
 * One interface for all of Unkey's published clients, so that the same cases run through each of them. Names and values are
 * those of the wire, whatever they are called in the client's language.
 */
export type OfficialClient = {
  /** package and version */
  name: string;
  /** every operation the client offers, by its name on the wire */
  operations(): Promise<ReadonlyMap<string, OfficialOperation>>;
  /** One call through the client's own method. */
  call(operation: string, input: Input, target: Target): Promise<Outcome>;
  /** The `data` of every page, as the client's own iterator yields them to its end. */
  pages(operation: string, input: Input, target: Target): Promise<unknown[][]>;
  close(): Promise<void>;
};

export type Fields = Record<string, unknown>;

/** A request's body. */
export type Input = Fields | Fields[];

export type Target = {
  url: string;
  /** "": the client gets no root key */
  rootKey: string;
  /** Default: `none`. `default`: what the client does without an option. `brief`: gives up after 300 ms. */
  retries?: "none" | "default" | "brief";
};

/** What the client's own code says about an operation. */
export type OfficialOperation = {
  /** the errors for which it has a class, by status: the class, and the content type that it expects */
  errors: ReadonlyMap<number, { className: string; contentType: string }>;
  /** whether its response has an iterator over pages */
  paged: boolean;
  /** every field it can send, as `ratelimits[].name`; undefined if the client's code does not show it */
  fields?: readonly string[];
};

export type Outcome = { ok: true; response: ParsedResponse } | { ok: false; error: Refusal };

/** The response as the client parsed it. */
export type ParsedResponse = { meta: { requestId: string }; data?: unknown; pagination?: unknown };

export type Refusal = {
  className: string;
  /** undefined if no request was sent or no response came */
  status?: number;
  message: string;
  /** the response's X-Request-Id */
  requestId?: string;
  /** the body as the client parsed it; the general class has none */
  data?: { meta: { requestId: string }; error: Record<string, unknown> };
};

/** The class that each official client throws if it has no specific class for a response. */
export const generalClass = "APIError";
