/**
 * One of Unkey's published clients behind a port of few verbs, so that one table of calls runs through all of them.
 * Names and values are the wire's, whatever the client's language calls them.
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
  /** "": the client is given none */
  rootKey: string;
  /** `none` where left away; `default` is what the client does when it is told nothing; `brief` gives up soon */
  retries?: "none" | "default" | "brief";
};

/** What the client's own code says of an operation. */
export type OfficialOperation = {
  /** the errors it has a class for: by status, the class and the content type that leads to it */
  errors: ReadonlyMap<number, { className: string; contentType: string }>;
  /** whether its answer has an iterator over pages */
  paged: boolean;
  /** every field it can send, as `ratelimits[].name`; undefined where the client's code does not tell */
  fields?: readonly string[];
};

export type Outcome = { ok: true; answer: Answer } | { ok: false; error: Refusal };

/** The answer as the client parsed it. */
export type Answer = { meta: { requestId: string }; data?: unknown; pagination?: unknown };

export type Refusal = {
  className: string;
  /** undefined where no server was asked or none answered */
  status?: number;
  message: string;
  /** the answer's X-Request-Id */
  requestId?: string;
  /** the body as the client parsed it; the general class has none */
  data?: { meta: { requestId: string }; error: Record<string, unknown> };
};

/** The class that each official client throws where it has no class of its own for an answer. */
export const generalClass = "APIError";
