import type { Caller } from "../domain/caller.ts";
import { forwardingHeader } from "../domain/forwarding.ts";
import { type MaybePromise, whenAvailable } from "../domain/maybePromise.ts";
import type { ErrorBody } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Operation } from "../operation.ts";
import { type Call, type Idempotency, refusalOf, run } from "../run.ts";
import type { Services } from "../services.ts";
import { bodyBudget, type Door, doors, kindOf, through } from "./admission.ts";
import { type Authentication, authenticate, secretOf } from "./authenticate.ts";
import { declaredLength, dropBody, isSmall, readBody, readSmall } from "./body.ts";
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

/** How a request shows who asks. */
export type Access = {
  /** Called before the body is read. Errors: why the request is refused, whoever asks. */
  admit?(exchange: Exchange): void;
  /** Errors: why the caller is unknown or refused. */
  caller(exchange: Exchange): Caller | Promise<Caller>;
  /** What the caller presented. Seals the responses that are kept for repeated requests. */
  secret(request: Request): string;
  /** recorded in the audit trail; undefined: the API */
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
 * limit. The runner then checks the permission, and parses and validates the body.
 */
export function operationRoutes(
  services: Services,
  options: OperationOptions,
  { open, succeed, refuse, refuseEntry }: Exchanges,
): OperationResponder {
  const kinds = doors({ ...options, nowMs: () => performance.now() });
  const bodies = bodyBudget(bodyBytes);
  const withoutUpstream = services.upstream && { ...services, upstream: undefined };
  const shared = { services, withoutUpstream, limit: limitOf(services, options), refuseEntry };

  /** Reads the body. `dropBody` must follow. */
  function bodyOf(exchange: Exchange, maxBytes: number, access: Access): Promise<Uint8Array> {
    const length = declaredLength(exchange.request, maxBytes);
    return isSmall(length) ? readSmall(exchange.request) : largeBodyOf(exchange, length, maxBytes, access);
  }

  /**
   * Only a known caller may send more than a small body. The runtime skips the body of anyone else up to its
   * declared length. If no length is declared, the server closes the connection.
   */
  async function largeBodyOf(
    exchange: Exchange,
    length: number | undefined,
    maxBytes: number,
    access: Access,
  ) {
    const { request, headers } = exchange;
    exchange.keepPeer();
    if (length === undefined) headers["Connection"] = "close";
    await access.caller(exchange);
    delete headers["Connection"];
    return readBody(request, length, maxBytes, bodies);
  }

  return (operation, access) => {
    const door = kinds[kindOf(operation)];
    const maxBytes = operation.takesLargeBody === true ? options.maxLargeBodyBytes : options.maxBodyBytes;
    const route = { operation, access, door, ...shared };
    return async (request, socket) => {
      const exchange = open(request, socket, operation);
      try {
        checkHead(request.headers);
        access.admit?.(exchange);
        if (request.method !== "POST") throw wrongMethod("POST");
        door.check();
        const body = await bodyOf(exchange, maxBytes, access);
        try {
          const result = through(door, callOperation, { exchange, body, route });
          if (!(result instanceof Promise)) return succeed(exchange, result);
          exchange.keepPeer();
          return succeed(exchange, await result);
        } finally {
          dropBody(body, bodies);
        }
      } catch (error) {
        return refuse(exchange, refusalOf(error));
      }
    };
  };
}

/** What all requests of an operation share. */
type Route = {
  operation: Operation;
  access: Access;
  door: Door;
  services: Services;
  /** for requests that another server sent on; undefined: there is no upstream anyway */
  withoutUpstream: Services | undefined;
  limit: WorkspaceLimit | undefined;
  refuseEntry: Exchanges["refuseEntry"];
};

/** A request whose body has been read. */
type Asked = { exchange: Exchange; body: Uint8Array; route: Route };

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

/** What the runner needs of the request. A class, since its seven functions would be as many objects for each request. */
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
    // two sessions of one root key could not read each other's responses
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

  note(fields: Exchange["notes"]): void {
    Object.assign(this.#asked.exchange.notes, fields);
  }

  /** The request itself has already been admitted and counted as one. */
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

/** Whether no field is required: clients then send nothing, or an object. */
function needsNoBody(operation: Operation): boolean {
  const known = withoutBody.get(operation) ?? operation.input.safeParse({}).success;
  withoutBody.set(operation, known);
  return known;
}
