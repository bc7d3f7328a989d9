import type { Caller } from "../domain/caller.ts";
import { forwardingHeader } from "../domain/forwardingHeader.ts";
import { type MaybePromise, whenAvailable } from "../domain/maybePromise.ts";
import type { Failure } from "../errors/failure.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";
import { asFailure, type Result, run } from "../run.ts";
import type { Services } from "../services.ts";
import type { Access } from "./access.ts";
import { bodyBudget, doors, kindOf, type OverloadReport, through } from "./admission.ts";
import { type BodyTaker, declaredLength, dropBody, isSmall, readBody, takeSmall } from "./body.ts";
import type { Exchange, Exchanges, Responder } from "./exchange.ts";
import { checkHead } from "./head.ts";
import { type Asked, RequestCall, type Route } from "./requestCall.ts";
import { type WorkspaceLimit, workspaceLimit } from "./workspaceLimit.ts";
import { wrongMethod } from "./wrongTarget.ts";

export type OperationOptions = {
  maxBodyBytes: number;
  /** replaces `maxBodyBytes` for operations that take a large body */
  maxLargeBodyBytes: number;
  /** undefined: no limit */
  workspaceRequestsPerMinute: number | undefined;
  log: Log;
  metrics: Metrics;
};

/** Bodies above 16 KiB that are being read or worked on may hold this much memory together. */
const bodyBytes = 64 * 1024 * 1024;

export type OperationResponder = (operation: Operation, access: Access) => Responder;

/**
 * Returns a function that creates the responder of an operation. The responder checks, in this order: head, `admit` of
 * the access, method, overload, body size, caller, workspace limit. Then `run` checks the permission, and parses and
 * validates the body.
 */
export function operationRoutes(
  services: Services,
  options: OperationOptions,
  exchanges: Exchanges,
  report: OverloadReport,
): OperationResponder {
  const kinds = doors({ ...options, nowMs: () => performance.now(), report });
  const bodies = bodyBudget(bodyBytes, () => report("bodies"));
  const withoutUpstream = services.upstream && { ...services, upstream: undefined };
  const shared = { services, withoutUpstream, limit: limitOf(services, options), bodies, ...exchanges };

  return (operation, access) => {
    const door = kinds[kindOf(operation)];
    const maxBytes = operation.takesLargeBody === true ? options.maxLargeBodyBytes : options.maxBodyBytes;
    const route: Route = { operation, access, door, ...shared };
    return (request, socket) => {
      const exchange = exchanges.open(request, socket, operation);
      try {
        checkHead(request.headers);
        access.admit?.(exchange);
        if (request.method !== "POST") throw wrongMethod("POST");
        door.check();
        const length = declaredLength(request, maxBytes);
        return isSmall(length)
          ? respondToSmall(exchange, route)
          : respondToLarge(exchange, route, length, maxBytes);
      } catch (error) {
        return exchanges.refuse(exchange, asFailure(error));
      }
    };
  };
}

function respondToSmall(exchange: Exchange, route: Route): Promise<Response> {
  const { promise, resolve } = Promise.withResolvers<Response>();
  void takeSmall(exchange.request, new SmallRequest(exchange, route, resolve));
  return promise;
}

/**
 * Reads a large body, or a body of unknown length, only if the caller is known. If the caller is refused, the runtime
 * skips the body up to its declared length. If no length is declared, the server closes the connection.
 */
async function respondToLarge(
  exchange: Exchange,
  route: Route,
  length: number | undefined,
  maxBytes: number,
): Promise<Response> {
  const { request, headers } = exchange;
  const { access, bodies } = route;
  let body: Uint8Array | undefined;
  try {
    exchange.keepPeer();
    if (length === undefined) headers["Connection"] = "close";
    await access.caller(exchange);
    delete headers["Connection"];
    body = await readBody(request, length, maxBytes, bodies);
    return await respond({ exchange, route, body });
  } catch (error) {
    return route.refuse(exchange, asFailure(error));
  } finally {
    if (body !== undefined) dropBody(body, bodies);
  }
}

/** Runs the operation of a request whose body has been read. Returns an error response instead of throwing. */
function respond(asked: Asked): MaybePromise<Response> {
  const { exchange, route } = asked;
  try {
    const result = through(route.door, callOperation, asked);
    return result instanceof Promise
      ? respondLater(exchange, route, result)
      : route.succeed(exchange, result);
  } catch (error) {
    return route.refuse(exchange, asFailure(error));
  }
}

async function respondLater(exchange: Exchange, route: Route, result: Promise<Result>): Promise<Response> {
  // while the operation runs, the caller may reset the connection, and an audit row may need the address
  if (!exchange.auditsNothing) exchange.keepPeer();
  try {
    return route.succeed(exchange, await result);
  } catch (error) {
    return route.refuse(exchange, asFailure(error));
  }
}

/** A request with a small body, which may not have arrived yet. */
class SmallRequest implements Asked, BodyTaker {
  readonly exchange: Exchange;
  readonly route: Route;
  readonly sinceMs: number;
  body = noBytes;
  readonly #resolve: (response: MaybePromise<Response>) => void;

  constructor(exchange: Exchange, route: Route, resolve: (response: MaybePromise<Response>) => void) {
    this.exchange = exchange;
    this.route = route;
    this.sinceMs = exchange.startedAtMs;
    this.#resolve = resolve;
  }

  arrived(body: Uint8Array): void {
    this.body = body;
    this.#resolve(respond(this));
  }

  failed(reason: Failure): void {
    this.#resolve(this.route.refuse(this.exchange, reason));
  }
}

const noBytes: Uint8Array = new Uint8Array();

function limitOf(
  { counters }: Services,
  { workspaceRequestsPerMinute }: OperationOptions,
): WorkspaceLimit | undefined {
  return workspaceRequestsPerMinute === undefined
    ? undefined
    : workspaceLimit(counters, workspaceRequestsPerMinute);
}

/** Finds the caller, counts the request against the workspace's limit, and runs the operation. */
function callOperation(asked: Asked): ReturnType<typeof run> {
  return whenAvailable(asked.route.access.caller(asked.exchange), countCall, asked);
}

function countCall(caller: Caller, asked: Asked): ReturnType<typeof run> {
  const { exchange, route } = asked;
  const { services, limit } = route;
  exchange.caller = caller;
  services.usage.touch(caller.workspaceId, caller.rootKeyId, services.now());
  const counted: MaybePromise<void> = limit?.(caller.workspaceId, exchange.headers, 1);
  return whenAvailable(counted, runCall, asked, caller);
}

function runCall(_: unknown, asked: Asked, caller: Caller): ReturnType<typeof run> {
  const { services, withoutUpstream, operation } = asked.route;
  const isForwarded = withoutUpstream !== undefined && asked.exchange.request.headers.has(forwardingHeader);
  return run(isForwarded ? withoutUpstream : services, operation, new RequestCall(asked, caller));
}
