import { z } from "zod";
import type { Caller } from "../domain/caller.ts";
import { catalogue } from "../errors/catalogue.ts";
import { type ErrorBody, Failure } from "../errors/failure.ts";
import { type Fields, type Level, type Log, type MarkedSchema, redact } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";
import type { Result } from "../run.ts";
import type { ClientAddress } from "./clientAddress.ts";
import { errorBody, json, problemBody, problemType } from "./problem.ts";

/** What the runtime offers for a request's connection. */
export type Socket = {
  requestIP(request: Request): { address: string } | null;
  /**
   * Sets after how many seconds without any traffic the runtime closes the connection; 0 means never. The runtime
   * counts in steps of 4 s, and keeps the setting for the connection's later requests.
   */
  timeout(request: Request, seconds: number): void;
};

/** One request, and what the server learns about it until it responds. */
export type Exchange = {
  request: Request;
  socket: Pick<Socket, "timeout">;
  operation: Operation | undefined;
  requestId: string;
  /** by the monotonic clock */
  startedAtMs: number;
  /** the caller's address, as trusted proxies report it */
  address(): string;
  /**
   * Reads the address at the connection's other end and keeps it, because it cannot be read after the client has reset
   * the connection. `open` calls this function, except for decisions, where that saves 0.7 µs. For a decision that may
   * write an audit row, the function must be called when the body has been read, before anything else is awaited.
   */
  keepPeer(): void;
  /** whether the operation has said that this call writes no audit row, so that `keepPeer` is not necessary */
  auditsNothing: boolean;
  caller: Caller | undefined;
  /** the parsed body; undefined until it has been read. The log gets it without its private fields */
  input: unknown;
  /** headers of the response, in addition to those that every response has */
  headers: Record<string, string>;
  /** further fields of the log event */
  notes: Record<string, string | number | boolean>;
};

export type Exchanges = {
  open(request: Request, socket: Socket, operation?: Operation): Exchange;
  /** Returns the response of an operation that succeeded: its result in `data`, next to `meta`. */
  succeed(exchange: Exchange, result: Result): Response;
  /**
   * Adds our headers to a response that is not an operation's, such as a health check. Neither logs nor measures it.
   */
  complete(exchange: Exchange, response: Response): Response;
  /** Returns the error response for a `Failure`. Anything else becomes `unexpected_error`. */
  refuse(exchange: Exchange, error: unknown): Response;
  /**
   * Returns the error of one entry of a batch. The other entries have their own results. Logs the error if it is a
   * fault of the server.
   */
  refuseEntry(exchange: Exchange, error: unknown): ErrorBody;
};

/** Serves one request. */
export type Responder = (request: Request, socket: Socket) => Response | Promise<Response>;

/** Wraps requests in spans. Used only if traces are on. */
export type RequestTracing = {
  exchanges(inner: Exchanges): Exchanges;
  /** `serverUrl` returns the address that clients use. It must not be called before the server listens. */
  traced(operation: Operation, serverUrl: () => string, respond: Responder): Responder;
};

type Tools = {
  newRequestId(): string;
  clientAddress: ClientAddress;
  /** Returns the URL in front of every error's type. It ends in a slash. */
  errorTypeBase(): string;
  isDraining(): boolean;
  /** how long a connection stays open between two requests, in seconds */
  idleSeconds: number;
  log: Log;
  /** whether log events include the request's input */
  logInputs: boolean;
  metrics: Metrics;
};

/** Opens exchanges, and builds their responses. `succeed` and `refuse` also log and measure the request. */
export function exchanges(tools: Tools): Exchanges {
  return {
    open(request, socket, operation) {
      const exchange = new OpenExchange(tools, request, socket, operation);
      if (operation?.decides !== true) exchange.keepPeer();
      socket.timeout(request, 0); // the runtime must not time out a request that we are reading or working on
      return exchange;
    },
    succeed(exchange, result) {
      if (result.replayOf !== undefined) markReplay(exchange, result.replayOf);
      settle(tools, exchange, 200, undefined);
      const text = envelope(exchange.requestId, result);
      setDeadline(tools, exchange, text.length);
      return new Response(text, successOf(exchange));
    },
    complete(exchange, response) {
      setDeadline(tools, exchange, 0);
      for (const [name, value] of headersOf(exchange)) {
        if (!response.headers.has(name)) response.headers.set(name, value);
      }
      return response;
    },
    refuse(exchange, error) {
      const failure = failureOf(error);
      const { status } = catalogue[failure.code];
      settle(tools, exchange, status, failure);
      const accept = exchange.request.headers.get("accept");
      const type = problemType(status, exchange.operation, accept);
      Object.assign(exchange.headers, failure.headers, { "Content-Type": type });
      const text = problemBody(failure, exchange.requestId, tools.errorTypeBase());
      setDeadline(tools, exchange, text.length);
      return new Response(text, { status, headers: headersOf(exchange) });
    },
    refuseEntry: (exchange, error) => refuseEntry(tools, exchange, error),
  };
}

function envelope(requestId: string, result: Result): string {
  const { written, pagination } = result;
  if (written !== undefined) {
    const more = pagination === undefined ? "" : `,"pagination":${JSON.stringify(pagination)}`;
    return `{"meta":{"requestId":"${requestId}"},"data":${written.json()}${more}}`; // an id needs no escapes
  }
  const { data, warnings } = result; // JSON.stringify omits what is undefined
  return JSON.stringify({ meta: { requestId }, data, pagination, warnings });
}

/** A class, because two closures and the variables that they share would be three more objects for each request. */
class OpenExchange implements Exchange {
  readonly request: Request;
  readonly socket: Socket;
  readonly operation: Operation | undefined;
  requestId: string;
  readonly startedAtMs = performance.now();
  caller: Caller | undefined = undefined;
  input: unknown = undefined;
  readonly headers: Record<string, string> = {};
  readonly notes: Exchange["notes"] = {};
  auditsNothing = false;
  readonly #tools: Tools;
  #peer: string | undefined = undefined;
  /** kept, because each audit event and the log event need it, and to parse it takes 1.6 µs */
  #address: string | undefined = undefined;

  constructor(tools: Tools, request: Request, socket: Socket, operation: Operation | undefined) {
    this.request = request;
    this.socket = socket;
    this.operation = operation;
    this.requestId = tools.newRequestId();
    this.#tools = tools;
  }

  address(): string {
    this.keepPeer();
    this.#address ??= this.#tools.clientAddress(this.#peer ?? "", this.request.headers);
    return this.#address;
  }

  keepPeer(): void {
    this.#peer ??= this.socket.requestIP(this.request)?.address ?? "";
  }
}

function refuseEntry(tools: Tools, { requestId, operation }: Exchange, error: unknown): ErrorBody {
  const failure = failureOf(error);
  const { code } = failure;
  if (catalogue[code].status >= 500) {
    tools.log("error", "entry", { requestId, operation: operation?.name, code, fault: faultOf(failure) });
  }
  return errorBody(failure, tools.errorTypeBase());
}

function failureOf(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure("unexpected_error", { cause: error });
}

/** A client may leave a response up to this size unread in our memory for as long as a connection may be idle. */
export const smallResponse = 64 * 1024;
/** If a client reads nothing of a larger response for this long, the runtime closes the connection. */
const slowReaderSeconds = 8;

/**
 * Sets the connection's timer, and says `Connection: close` if the connection ends after this response. Called when the
 * response is complete, because the server may have begun to drain during the request. The runtime has a single timer
 * for clients that do not read their response and for connections that wait for the next request. A large response
 * needs the short time, so its connection ends: otherwise a client could send its next request just as the timer closes
 * the connection.
 */
function setDeadline(tools: Tools, { request, socket, headers }: Exchange, length: number): void {
  if (tools.isDraining() || length > smallResponse) headers["Connection"] = "close";
  socket.timeout(request, headers["Connection"] === "close" ? slowReaderSeconds : tools.idleSeconds);
}

/**
 * The headers of every response. `new Response` copies them, so all responses can share this object. That takes 0.3 µs
 * less than to build three headers from text.
 */
const usual = new Headers({ "Content-Type": json, "X-Request-Id": "", "Cache-Control": "no-store" });

function headersOf({ requestId, headers }: Exchange): Headers {
  usual.set("X-Request-Id", requestId);
  const names = Object.keys(headers);
  if (names.length === 0) return usual;
  const all = new Headers(usual);
  for (const name of names) all.set(name, headers[name] ?? "");
  return all;
}

/** Shared by all responses without further headers, because a new object for each response would take 50 ns. */
const usualSuccess = { headers: usual };

function successOf(exchange: Exchange): { headers: Headers } {
  const headers = headersOf(exchange);
  return headers === usual ? usualSuccess : { headers };
}

/**
 * Marks a response as a repetition of an earlier request's stored response. It gets the id of that earlier request. The
 * log event has the ids of both requests.
 */
function markReplay(exchange: Exchange, firstRequestId: string): void {
  exchange.notes["replayedBy"] = exchange.requestId;
  exchange.requestId = firstRequestId;
  exchange.headers["Idempotent-Replayed"] = "true";
}

/** Measures and logs the request. */
function settle(tools: Tools, exchange: Exchange, status: number, failure: Failure | undefined): void {
  const { operation, caller } = exchange;
  const durationMs = performance.now() - exchange.startedAtMs;
  tools.metrics.request(operation?.name, exchange.request.method, status, durationMs);
  tools.log(levelOf(status, operation, failure), "request", () => ({
    requestId: exchange.requestId,
    operation: operation?.name ?? "none", // not the path, because an unknown path may contain a key
    status,
    code: failure?.code,
    workspaceId: caller?.workspaceId,
    rootKeyId: caller?.rootKeyId,
    address: exchange.address(),
    durationMs: Math.round(durationMs * 100) / 100,
    ...exchange.notes,
    input: tools.logInputs ? shownInput(exchange) : undefined,
    fault: status >= 500 ? faultOf(failure) : undefined,
  }));
}

const markedSchemas = new WeakMap<Operation, MarkedSchema>();

/** The input without its private fields. The schema that marks them is built once per operation. */
function shownInput({ operation, input }: Exchange): Fields[string] {
  if (operation === undefined || input === undefined) return undefined;
  let schema = markedSchemas.get(operation);
  if (schema === undefined) {
    schema = z.toJSONSchema(operation.input, { io: "input", unrepresentable: "any" }) as MarkedSchema;
    markedSchemas.set(operation, schema);
  }
  return redact(schema, input) as Fields[string];
}

/**
 * Decisions that succeed and refusals under overload are logged at level debug, because there are very many of them.
 */
function levelOf(status: number, operation: Operation | undefined, failure: Failure | undefined): Level {
  if (status >= 500) return "error";
  if (failure?.code === "server_overloaded") return "debug";
  return operation?.decides === true && status === 200 ? "debug" : "info";
}

/** matches the folder of our sources, or of the bundle */
const ourFolder = /(?<!\S)\S*[\\/](?:src|dist)[\\/]/;

/**
 * The name and code of the failure's cause, and the line of our code that threw. Omits the message: it may quote data.
 */
function faultOf(failure: Failure | undefined): string | undefined {
  const cause = failure?.cause;
  if (!(cause instanceof Error)) return undefined;
  const place = cause.stack?.split("\n").find((line) => ourFolder.test(line));
  return `${cause.name} ${(cause as { code?: string }).code ?? ""} ${place?.trim().replace(ourFolder, "") ?? ""}`;
}

/**
 * The first 200 characters of the request's path, without the query. The URL is not parsed, because `new URL` throws
 * for some Host headers.
 */
export function pathOf({ url }: Request): string {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  return /^[^?#]*/.exec(url.slice(start, start + longestPath))?.[0] ?? "";
}

const longestPath = 200;
