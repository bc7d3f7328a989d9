import type { Caller } from "../domain/caller.ts";
import { forwardingHeader } from "../domain/forwarding.ts";
import { type MaybePromise, whenAvailable } from "../domain/maybePromise.ts";
import type { ErrorBody, Failure } from "../errors/failure.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";
import { type Call, type Idempotency, type Result, refusalOf, run } from "../run.ts";
import type { Services } from "../services.ts";
import { type BodyBudget, bodyBudget, type Door, doors, kindOf, through } from "./admission.ts";
import { type Authentication, authenticate, secretOf } from "./authenticate.ts";
import { type BodyTaker, declaredLength, dropBody, isSmall, readBody, takeSmall } from "./body.ts";
import type { Exchange, Exchanges, Responder } from "./exchange.ts";
import { checkHead } from "./head.ts";
import { idempotencyOf } from "./idempotency.ts";
import { checkMediaType, readJson } from "./readJson.ts";
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

/** How a request is authenticated: by a root key, or by a session of the console. */
export type Access = {
  /** Called before the body is read. Errors: why the request is refused, whoever the caller is. */
  admit?(exchange: Exchange): void;
  /** Errors: why the caller is unknown or refused. */
  caller(exchange: Exchange): Caller | Promise<Caller>;
  /** The secret that the caller presented. It encrypts the responses that are kept for repeated requests. */
  secret(request: Request): string;
  /** where the calls come from, for the audit trail; undefined: the API */
  via?: "console";
};

/** Access by the root key in the Authorization header. */
export function rootKeyAccess(authentication: Authentication): Access {
  return {
    caller: (exchange) =>
      authenticate(exchange.request.headers.get("authorization"), exchange, authentication),
    secret: ({ headers }) => secretOf(headers.get("authorization")),
  };
}

export type OperationResponder = (operation: Operation, access: Access) => Responder;

/**
 * Returns what serves an operation. It checks, in this order: head, method, overload, body size, caller, workspace
 * limit. Then `run` checks the permission, and parses and validates the body.
 */
export function operationRoutes(
  services: Services,
  options: OperationOptions,
  exchanges: Exchanges,
): OperationResponder {
  const kinds = doors({ ...options, nowMs: () => performance.now() });
  const bodies = bodyBudget(bodyBytes);
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
        return exchanges.refuse(exchange, refusalOf(error));
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
 * Reads a large body only if the caller is known. If the caller is refused, the runtime skips the body up to its declared
 * length. If no length is declared, the server closes the connection.
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
    return route.refuse(exchange, refusalOf(error));
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
    return route.refuse(exchange, refusalOf(error));
  }
}

async function respondLater(exchange: Exchange, route: Route, result: Promise<Result>): Promise<Response> {
  // meanwhile the caller may reset the connection, and an audit row may need the address
  if (!exchange.auditsNothing) exchange.keepPeer();
  try {
    return route.succeed(exchange, await result);
  } catch (error) {
    return route.refuse(exchange, refusalOf(error));
  }
}

/** What all requests of an operation share. */
type Route = {
  operation: Operation;
  access: Access;
  door: Door;
  services: Services;
  /** the services without the upstream, for requests that another server forwarded; undefined if there is no upstream */
  withoutUpstream: Services | undefined;
  limit: WorkspaceLimit | undefined;
  bodies: BodyBudget;
} & Exchanges;

/** A request whose body has been read. */
type Asked = { exchange: Exchange; body: Uint8Array; route: Route };

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

/** The request as `run` needs it. A class, since seven closures would be seven more objects for each request. */
class RequestCall implements Call {
  readonly caller: Caller;
  readonly requestId: string;
  readonly via: Call["via"];
  readonly #asked: Asked;

  constructor(asked: Asked, caller: Caller) {
    this.caller = caller;
    this.requestId = asked.exchange.requestId;
    this.via = asked.route.access.via;
    this.#asked = asked;
  }

  idempotency(): Idempotency | undefined {
    const { exchange, body, route } = this.#asked;
    const { request } = exchange;
    const secret = route.access.secret(request);
    // a stored response is found only by its owner; in the console this is the session, since another session of the
    // same root key could not decrypt the response
    const owner = this.via === undefined ? this.caller.rootKeyId : secret;
    const call = { secret, owner, operation: route.operation.name, body };
    return idempotencyOf(request.headers.get("idempotency-key"), call);
  }

  body(): unknown {
    const { exchange, body, route } = this.#asked;
    if (body.byteLength === 0 && needsNoBody(route.operation)) return {};
    checkMediaType(exchange.request.headers);
    exchange.input = readJson(body);
    return exchange.input;
  }

  remoteAddress(): string {
    return this.#asked.exchange.address();
  }

  userAgent(): string | undefined {
    return this.#asked.exchange.request.headers.get("user-agent")?.slice(0, 512);
  }

  auditsNothing(): void {
    this.#asked.exchange.auditsNothing = true;
  }

  note(fields: Exchange["notes"]): void {
    Object.assign(this.#asked.exchange.notes, fields);
  }

  /** Admits and counts all entries of a batch but one, since the request has been admitted and counted as one. */
  admitEntries<T>(count: number, work: () => MaybePromise<T>): MaybePromise<T> {
    const { exchange, route } = this.#asked;
    if (count === 1) return work();
    const counted: MaybePromise<void> = route.limit?.(this.caller.workspaceId, exchange.headers, count - 1);
    return whenAvailable(counted, () => through(route.door, work, undefined, count - 1));
  }

  refuseEntry(error: unknown): ErrorBody {
    return this.#asked.route.refuseEntry(this.#asked.exchange, error);
  }
}

const withoutBody = new WeakMap<Operation, boolean>();

/** Whether no field of the operation is required: an empty body then means an empty object. */
function needsNoBody(operation: Operation): boolean {
  const known = withoutBody.get(operation) ?? operation.input.safeParse({}).success;
  withoutBody.set(operation, known);
  return known;
}
