import type { Operation } from "../operation.ts";
import type { Services } from "../services.ts";
import { rootKeyAccess } from "./access.ts";
import { type OverloadReport, overloadReport } from "./admission.ts";
import type { Authentication } from "./authenticate.ts";
import type { ClientAddress } from "./clientAddress.ts";
import { documentRoute } from "./documentRoute.ts";
import { lastCall, waitForCallersToLeave } from "./drain.ts";
import { errorIndex, errorPage } from "./errorPages.ts";
import { type Exchanges, exchanges, pathOf, type RequestTracing, type Responder } from "./exchange.ts";
import { frontPage } from "./frontPage.ts";
import { headFlaw } from "./head.ts";
import { liveness, readiness } from "./health.ts";
import { servedOpenapi } from "./openapi.ts";
import { watchOpenFiles } from "./openFiles.ts";
import { type OperationOptions, type OperationResponder, operationRoutes } from "./operationRoute.ts";
import { faultResponse } from "./problem.ts";
import { unknownPath } from "./wrongTarget.ts";

/** Returns the responders of further paths, by path. The responders are not called before the server listens. */
export type MoreRoutes = (parts: {
  exchanges: Exchanges;
  respondTo: OperationResponder;
  authentication: Authentication;
  reportOverload: OverloadReport;
  port(): number;
  publicUrl(): string;
}) => Record<string, Responder>;

export type HttpOptions = OperationOptions & {
  host: string;
  /** 0 takes any free port */
  port: number;
  /** the URL at which clients reach the server; undefined: the address that the server listens on */
  publicUrl: string | undefined;
  /** how long a connection stays open between two requests, in seconds; at most 255 */
  idleSeconds: number;
  clientAddress: ClientAddress;
  /** whether log events include a request's input, without the fields that are marked secret or private */
  logInputs: boolean;
  /** undefined: requests are not traced */
  tracing: RequestTracing | undefined;
  /** further paths, such as those of the console and the pages of `docs/` */
  more: MoreRoutes;
};

export type HttpServer = {
  /** `http://host:port` */
  url: string;
  /** Serves a request that did not come over the network. */
  fetch: Responder;
  /**
   * Makes readiness fail and every further response end its connection. Resolves when callers have had time to move to
   * another node.
   */
  drain(): Promise<void>;
  /** Stops listening. Resolves when no request is in flight. */
  stop(): Promise<void>;
};

/** Above any length that the runtime can read, so that we, not the runtime, return the 413. */
const runtimeBodyLimit = Number.MAX_SAFE_INTEGER;

/**
 * Serves the operations, the health checks, the front page, `openapi.json`, the error pages and the routes of
 * `options.more` over HTTP.
 * Errors: what the runtime throws if it cannot listen on the address.
 */
export function serveHttp(
  operations: readonly Operation[],
  services: Services,
  options: HttpOptions,
): HttpServer {
  const { running, routes } = prepare(operations, services, options);
  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    development: false,
    reusePort: false, // otherwise a second process on this address would take half of the connections
    idleTimeout: options.idleSeconds, // but the runtime allows only 13 s for the head of a connection's first request
    maxRequestBodySize: runtimeBodyLimit,
    ...routes,
  });
  const unwatch = watchOpenFiles({
    ...options,
    closeIdleConnections: () => server.closeIdleConnections(),
  });
  const shownHost = options.host.includes(":") ? `[${options.host}]` : options.host;
  const url = `http://${shownHost}:${server.port}`;
  running.port = server.port ?? 0;
  running.publicUrl = (options.publicUrl ?? url).replace(/\/$/, "");
  return {
    url,
    fetch: dispatcher(routes),
    drain() {
      running.isDraining = true;
      return waitForCallersToLeave(running.calls.atMs);
    },
    async stop() {
      unwatch();
      await server.stop();
    },
  };
}

/** Like `serveHttp`, but listens on no address: requests come through `fetch` only. */
export function embedHttp(
  operations: readonly Operation[],
  services: Services,
  options: HttpOptions,
): HttpServer {
  const { running, routes } = prepare(operations, services, options);
  const dispatch = dispatcher(routes);
  const inFlight = new Set<Promise<Response>>();
  const url = `http://${options.host}:${options.port}`;
  running.publicUrl = (options.publicUrl ?? url).replace(/\/$/, "");
  return {
    url,
    fetch(request, socket) {
      const response = Promise.resolve(dispatch(request, socket));
      inFlight.add(response);
      return response.finally(() => inFlight.delete(response));
    },
    async drain() {
      running.isDraining = true;
    },
    stop: async () => void (await Promise.allSettled(inFlight)),
  };
}

/** Chooses the responder as the runtime does. The only pattern that a path may have is `/*` at its end. */
function dispatcher({ routes, fetch, error }: ReturnType<typeof routesOf>): Responder {
  const byPath = new Map<string, Responder>(Object.entries(routes));
  const folders = [...byPath].filter(([path]) => path.endsWith("/*"));
  const inFolder = (path: string) => folders.find(([folder]) => path.startsWith(folder.slice(0, -1)))?.[1];
  return async (request, socket) => {
    try {
      const path = pathOf(request);
      return await (byPath.get(path) ?? inFolder(path) ?? fetch)(request, socket);
    } catch {
      return error();
    }
  };
}

function prepare(operations: readonly Operation[], services: Services, options: HttpOptions) {
  const running: Running = { isDraining: false, publicUrl: "", port: 0, calls: lastCall() };
  return { running, routes: routesOf(operations, services, options, running) };
}

type Running = {
  isDraining: boolean;
  /** known once the server listens */
  publicUrl: string;
  /** known once the server listens */
  port: number;
  calls: ReturnType<typeof lastCall>;
};

function routesOf(
  operations: readonly Operation[],
  services: Services,
  options: HttpOptions,
  running: Running,
) {
  const { tracing } = options;
  const isDraining = () => running.isDraining;
  const publicUrl = () => running.publicUrl;
  const port = () => running.port;
  const newRequestId = () => services.newId("req");
  const errorTypeBase = () => `${publicUrl()}/errors/`;
  const plain = exchanges({ ...options, newRequestId, errorTypeBase, isDraining });
  const exchanging = tracing?.exchanges(plain) ?? plain;
  const reportOverload = overloadReport({ ...options, nowMs: () => performance.now() });
  const noted = { ...exchanging, open: running.calls.noting(exchanging.open) };
  const untraced = operationRoutes(services, options, noted, reportOverload);
  const respondTo: OperationResponder = (operation, access) => {
    const respond = untraced(operation, access);
    return tracing?.traced(operation, publicUrl, respond) ?? respond;
  };
  const { counters, hashKey, now: nowMs, caches } = services;
  const authentication: Authentication = { rootKeys: caches.rootKeys, counters, nowMs, hashKey };
  const access = rootKeyAccess(authentication);
  const get = documentRoute(exchanging);
  return {
    routes: {
      ...Object.fromEntries(operations.map((one) => [`/v2/${one.name}`, respondTo(one, access)])),
      ...options.more({ exchanges: exchanging, respondTo, authentication, reportOverload, port, publicUrl }),
      "/": get(({ request }) => frontPage(request.headers.get("accept"))),
      "/v2/liveness": get(({ requestId }) => liveness(requestId)),
      "/health/live": get(() => Response.json({ status: "ok" })),
      "/health/ready": get(readiness(services.engine, isDraining)),
      "/openapi.json": get(servedOpenapi(operations, publicUrl)),
      "/errors": get(errorIndex),
    },
    fetch: ((request, socket) => {
      const path = pathOf(request);
      const page = errorPage(path);
      if (page !== undefined) return get(() => page)(request, socket);
      const failure = headFlaw(request.headers) ?? unknownPath(path, operations);
      return exchanging.refuse(exchanging.open(request, socket), failure);
    }) satisfies Responder,
    /** called when even building an error response has failed */
    error: () => faultResponse(newRequestId(), errorTypeBase()),
  };
}
