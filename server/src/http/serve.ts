import type { Caller } from "../domain/caller.ts";
import { type Soon, soon } from "../domain/soon.ts";
import { Failure } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";
import { closest } from "../parse.ts";
import { type Answer, type Call, refusalOf, run, type Services } from "../run.ts";
import { bodyBudget, doors, kindOf, through } from "./admission.ts";
import { type Authentication, authenticate } from "./authenticate.ts";
import { dropBody, idleSeconds, readBody } from "./body.ts";
import type { ClientAddress } from "./clientAddress.ts";
import { errorIndex, errorPage } from "./errorPages.ts";
import {
  type Answering,
  type Exchange,
  type Exchanges,
  exchanges,
  pathOf,
  type RequestTracing,
  type Socket,
} from "./exchange.ts";
import { liveness, readiness } from "./health.ts";
import { idempotencyOf } from "./idempotency.ts";
import { openapi } from "./openapi.ts";
import { json, problemBody } from "./problem.ts";
import { checkMediaType, readJson } from "./readJson.ts";
import { type WorkspaceLimit, workspaceLimit } from "./workspaceLimit.ts";

export type HttpOptions = {
  host: string;
  /** 0: any free one */
  port: number;
  /** where clients reach this server; undefined: where it listens */
  publicUrl: string | undefined;
  maxBodyBytes: number;
  /** undefined: no limit */
  workspaceRequestsPerMinute: number | undefined;
  clientAddress: ClientAddress;
  rootKeys: Authentication["rootKeys"];
  log: Log;
  /** whether log events carry what was asked, without what is marked secret or private */
  logInputs: boolean;
  metrics: Metrics;
  /** undefined: requests are not traced */
  tracing: RequestTracing | undefined;
};

export type HttpServer = {
  /** `http://host:port` */
  url: string;
  /** From now on readiness fails and every answer closes its connection. */
  drain(): void;
  /** Stops listening; resolves when no request is in flight. */
  stop(): Promise<void>;
};

/** above any length the runtime can read, so that it is we who answer 413 */
const runtimeBodyLimit = Number.MAX_SAFE_INTEGER;

/** of bodies above 16 KiB that are read or worked on at once */
const bodyBytes = 64 * 1024 * 1024;

/**
 * Serves the operations, the health checks and the documents over HTTP.
 * Errors: what the runtime throws where the address cannot be listened on.
 */
export function serveHttp(
  operations: readonly Operation[],
  services: Services,
  options: HttpOptions,
): HttpServer {
  let draining = false;
  let publicUrl = "";
  const newRequestId = () => services.newId("req", services.nowMs());
  const errorTypeBase = () => `${publicUrl}/errors/`;
  const { tracing } = options;
  const plain = exchanges({ ...options, newRequestId, errorTypeBase, isDraining: () => draining });
  const exchanging = tracing?.exchanges(plain) ?? plain;
  const { open, show, refuse } = exchanging;
  const answer = poster(services, options, exchanging);
  const post = (operation: Operation): Answering =>
    tracing?.answering(operation, () => publicUrl, answer(operation)) ?? answer(operation);
  const get =
    (answer: (exchange: Exchange) => Promise<Response> | Response) =>
    async (request: Request, socket: Socket) => {
      const exchange = open(request, socket);
      const allowed = request.method === "GET" || request.method === "HEAD";
      if (allowed) return show(exchange, await answer(exchange));
      exchange.notes["path"] = pathOf(request); // one of ours, as all that come here
      return refuse(exchange, wrongMethod("GET, HEAD"));
    };

  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    development: false,
    reusePort: false, // otherwise a second process on this address would take half of the connections
    idleTimeout: idleSeconds,
    maxRequestBodySize: runtimeBodyLimit,
    routes: {
      ...Object.fromEntries(operations.map((operation) => [`/v2/${operation.name}`, post(operation)])),
      "/v2/liveness": get(({ requestId }) => liveness(requestId)),
      "/health/live": get(() => Response.json({ status: "ok" })),
      "/health/ready": get(() => readiness(draining, services.engine)),
      "/openapi.json": get(() => Response.json(openapi(operations, publicUrl))),
      "/errors": get(errorIndex),
    },
    fetch(request, socket) {
      const path = pathOf(request);
      const page = errorPage(path);
      if (page !== undefined) return get(() => page)(request, socket);
      return refuse(open(request, socket), unknownPath(path, operations));
    },
    // where not even the refusal could be made
    error: () => bareFault(newRequestId(), errorTypeBase()),
  });
  const shownHost = options.host.includes(":") ? `[${options.host}]` : options.host;
  const url = `http://${shownHost}:${server.port}`;
  publicUrl = (options.publicUrl ?? url).replace(/\/$/, "");
  return {
    url,
    drain() {
      draining = true;
    },
    stop: () => server.stop(),
  };
}

/** Route → room → size → authentication → workspace limit → JSON; schema, permission and existence are the runner's. */
function poster(services: Services, options: HttpOptions, { open, succeed, refuse }: Exchanges) {
  const authentication: Authentication = { ...services, rootKeys: options.rootKeys };
  const { workspaceRequestsPerMinute } = options;
  const kinds = doors({ ...options, nowMs: () => performance.now() });
  const bodies = bodyBudget(bodyBytes);
  const limit: WorkspaceLimit | undefined =
    workspaceRequestsPerMinute === undefined
      ? undefined
      : workspaceLimit(services.counters, workspaceRequestsPerMinute);

  function answer(exchange: Exchange, operation: Operation, body: Uint8Array): Soon<Response> {
    const { headers } = exchange.request;
    const known = authenticate(headers.get("authorization"), exchange.address, authentication);
    const answered = soon(known, (caller): Soon<Answer> => {
      exchange.caller = caller;
      return soon(limit?.(caller.workspaceId, services.nowMs(), exchange.headers), () => {
        checkMediaType(headers);
        const call = callOf(exchange, operation, caller, body);
        exchange.input = readJson(body);
        return run(services, operation, exchange.input, call);
      });
    });
    return soon(answered, (one) => succeed(exchange, one));
  }

  return (operation: Operation) => {
    const door = kinds[kindOf(operation)];
    return async (request: Request, socket: Socket) => {
      const exchange = open(request, socket, operation);
      try {
        if (request.method !== "POST") throw wrongMethod("POST");
        door.check();
        const maxBytes = operation.maxBodyBytes ?? options.maxBodyBytes;
        const body = await readBody(request, maxBytes, socket, bodies);
        try {
          const answered = through(door, () => answer(exchange, operation, body));
          return answered instanceof Promise ? await answered : answered;
        } finally {
          dropBody(body, bodies);
        }
      } catch (error) {
        return refuse(exchange, refusalOf(error));
      }
    };
  };
}

/** What the runner is told of the request. */
function callOf(exchange: Exchange, operation: Operation, caller: Caller, body: Uint8Array): Call {
  const { headers } = exchange.request;
  const idempotency =
    operation.transact === undefined
      ? undefined
      : idempotencyOf(headers.get("idempotency-key"), {
          authorization: headers.get("authorization") ?? "",
          rootKeyId: caller.rootKeyId,
          operation: operation.name,
          body,
        });
  return {
    caller,
    idempotency,
    requestId: exchange.requestId,
    remoteAddress: exchange.address,
    userAgent: () => headers.get("user-agent")?.slice(0, 512),
    note: (fields) => void Object.assign(exchange.notes, fields),
  };
}

function bareFault(requestId: string, errorTypeBase: string): Response {
  return new Response(problemBody(new Failure("unexpected_error"), requestId, errorTypeBase), {
    status: 500,
    headers: { "Content-Type": json, "X-Request-Id": requestId, "Cache-Control": "no-store" },
  });
}

function wrongMethod(allowed: string): Failure {
  return new Failure("method_not_allowed", {
    detail: `This path answers ${allowed} only.`,
    headers: { Allow: allowed },
  });
}

function unknownPath(path: string, operations: readonly Operation[]): Failure {
  const near = closest(
    path.replace(/^\/v2\//, ""),
    operations.map((operation) => operation.name),
  );
  const hint = near === undefined ? "" : ` Did you mean /v2/${near}?`;
  return new Failure("unknown_operation", { detail: `Nothing is served at this path.${hint}` });
}
