import { z } from "zod";
import type { Caller } from "../domain/caller.ts";
import { catalogue, Failure } from "../errors.ts";
import { type Fields, type Level, type Log, type MarkedSchema, redact } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";
import type { Answer } from "../run.ts";
import type { IdleTimer } from "./body.ts";
import type { ClientAddress } from "./clientAddress.ts";
import { json, problemBody, problemType } from "./problem.ts";

/** What the runtime tells of a request's connection. */
export type Socket = IdleTimer & { requestIP(request: Request): { address: string } | null };

/** One request and what is known of it while it is answered. */
export type Exchange = {
  request: Request;
  operation: Operation | undefined;
  requestId: string;
  /** of the monotonic clock */
  startedAtMs: number;
  /** the caller's address, behind trusted proxies too */
  address(): string;
  caller: Caller | undefined;
  /** the body, once it has been read; it goes into the log only with everything private taken out */
  input: unknown;
  /** of the answer */
  headers: Record<string, string>;
  /** for the log event */
  notes: Record<string, string | number | boolean>;
};

export type Exchanges = {
  open(request: Request, socket: Socket, operation?: Operation): Exchange;
  succeed(exchange: Exchange, answer: Answer): Response;
  /** Answers with what needs no caller and no envelope, such as a health check; neither logged nor measured. */
  show(exchange: Exchange, response: Response): Response;
  /** Answers a `Failure` as such, and anything else as `unexpected_error`. */
  refuse(exchange: Exchange, error: unknown): Response;
};

/** Answers one request. */
export type Answering = (request: Request, socket: Socket) => Response | Promise<Response>;

/** Puts requests in spans; where they are not traced there is none of this. */
export type RequestTracing = {
  exchanges(inner: Exchanges): Exchanges;
  /** `serverUrl`: where clients reach this server, asked for once it listens */
  answering(operation: Operation, serverUrl: () => string, answer: Answering): Answering;
};

type Tools = {
  newRequestId(): string;
  clientAddress: ClientAddress;
  /** ends in a slash */
  errorTypeBase(): string;
  isDraining(): boolean;
  log: Log;
  /** whether the log events carry what was asked */
  logInputs: boolean;
  metrics: Metrics;
};

/** Begins and ends exchanges: ids, envelopes, headers, and one log event and one measurement each. */
export function exchanges(tools: Tools): Exchanges {
  return {
    open(request, socket, operation) {
      const requestId = tools.newRequestId();
      return {
        request,
        operation,
        requestId,
        startedAtMs: performance.now(),
        address: () =>
          tools.clientAddress(
            socket.requestIP(request)?.address ?? "",
            request.headers.get("x-forwarded-for"),
          ),
        caller: undefined,
        input: undefined,
        headers: { "Content-Type": json, "X-Request-Id": requestId, "Cache-Control": "no-store" },
        notes: {},
      };
    },
    succeed(exchange, answer) {
      if (answer.replayOf !== undefined) repeat(exchange, answer.replayOf);
      settle(tools, exchange, 200, undefined);
      leaveIfDraining(tools, exchange);
      const { data, pagination } = answer; // what is undefined is left out of the JSON
      const envelope = { meta: { requestId: exchange.requestId }, data, pagination };
      return Response.json(envelope, { headers: exchange.headers });
    },
    show(exchange, response) {
      leaveIfDraining(tools, exchange);
      for (const [name, value] of Object.entries(exchange.headers)) {
        if (!response.headers.has(name)) response.headers.set(name, value);
      }
      return response;
    },
    refuse(exchange, error) {
      const failure = error instanceof Failure ? error : new Failure("unexpected_error", { cause: error });
      const { status } = catalogue[failure.code];
      settle(tools, exchange, status, failure);
      leaveIfDraining(tools, exchange);
      const accept = exchange.request.headers.get("accept");
      const type = problemType(status, exchange.operation?.problemJson, accept);
      return new Response(problemBody(failure, exchange.requestId, tools.errorTypeBase()), {
        status,
        headers: { ...exchange.headers, ...failure.headers, "Content-Type": type },
      });
    },
  };
}

/** Asked when the answer is made: a stop may have begun while it was worked on. */
function leaveIfDraining(tools: Tools, exchange: Exchange): void {
  if (tools.isDraining()) exchange.headers["Connection"] = "close";
}

/** The answer is the first one's, word for word; the log keeps this request's own id. */
function repeat(exchange: Exchange, firstRequestId: string): void {
  exchange.notes["replayedBy"] = exchange.requestId;
  exchange.requestId = firstRequestId;
  exchange.headers["X-Request-Id"] = firstRequestId;
  exchange.headers["Idempotent-Replayed"] = "true";
}

/** Faults at error; successes of frequent operations, and what overload refuses, at debug; the rest at info. */
function settle(tools: Tools, exchange: Exchange, status: number, failure: Failure | undefined): void {
  const { operation, caller } = exchange;
  const durationMs = performance.now() - exchange.startedAtMs;
  tools.metrics.request(operation?.name, exchange.request.method, status, durationMs);
  tools.log(levelOf(status, operation, failure), "request", () => ({
    requestId: exchange.requestId,
    operation: operation?.name ?? "none", // an unknown path may hold a key
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

/** Made from the operation's schema once. */
function shownInput({ operation, input }: Exchange): Fields[string] {
  if (operation === undefined || input === undefined) return undefined;
  let schema = markedSchemas.get(operation);
  if (schema === undefined) {
    schema = z.toJSONSchema(operation.input, { io: "input", unrepresentable: "any" }) as MarkedSchema;
    markedSchemas.set(operation, schema);
  }
  return redact(schema, input) as Fields[string];
}

function levelOf(status: number, operation: Operation | undefined, failure: Failure | undefined): Level {
  if (status >= 500) return "error";
  if (failure?.code === "server_overloaded") return "debug";
  return operation?.frequent === true && status === 200 ? "debug" : "info";
}

/** Where a fault of ours came from; messages of others may quote data and stay out. */
function faultOf(failure: Failure | undefined): string | undefined {
  const cause = failure?.cause;
  if (!(cause instanceof Error)) return undefined;
  const place = cause.stack?.split("\n").find((line) => line.includes("/src/"));
  return `${cause.name} ${(cause as { code?: string }).code ?? ""} ${place?.trim().replace(/\S*\/src\//, "") ?? ""}`;
}

/** The path of the request, without its query. */
export function pathOf(request: Request): string {
  return new URL(request.url).pathname.slice(0, 200);
}
