import type { Caller } from "../domain/caller.ts";
import { type MaybePromise, whenAvailable } from "../domain/maybePromise.ts";
import type { ErrorBody } from "../errors/failure.ts";
import type { Operation } from "../operation.ts";
import type { Call, Idempotency } from "../run.ts";
import type { Services } from "../services.ts";
import type { Access } from "./access.ts";
import { type BodyBudget, type Door, through } from "./admission.ts";
import type { Exchange, Exchanges } from "./exchange.ts";
import { idempotencyOf } from "./idempotency.ts";
import { checkMediaType, readJson } from "./readJson.ts";
import type { WorkspaceLimit } from "./workspaceLimit.ts";

/** What all requests of an operation share. */
export type Route = {
  operation: Operation;
  access: Access;
  door: Door;
  services: Services;
  /**
   * the services without the upstream, for requests from a server that has this one as its upstream (see
   * `forwardingHeader`); undefined if this server has no upstream itself
   */
  withoutUpstream: Services | undefined;
  limit: WorkspaceLimit | undefined;
  bodies: BodyBudget;
} & Exchanges;

/** A request whose body has been read. */
export type Asked = { exchange: Exchange; body: Uint8Array; route: Route };

/** The request as `run` needs it. A class, because closures would be one object more for each method and request. */
export class RequestCall implements Call {
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
    // Only its owner finds a stored response. The owner is the root key. In the console it is the session, because
    // another session of the same root key could not decrypt the response.
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

  /** Admits and counts `count - 1` further calls: the request itself has already been admitted and counted as one. */
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
