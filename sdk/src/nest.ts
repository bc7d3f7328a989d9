import { type ExecutionContext, HttpException } from "@nestjs/common";
import type { MetaTypes } from "./calls.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import { headerOf, type WithHeaders } from "./guard.ts";
import type { GuardedKey, GuardOptions, VerifiedKey } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import { type Keyring, keyring } from "./keyring.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";
import type { Refusal } from "./refusals.ts";

/** NestJS passes a guard the request of its platform, which is Express or Fastify. */
type Incoming = WithHeaders & { ip?: string; verifiedKey?: VerifiedKey };
/** Express and Fastify both have this method. */
type Outgoing = { header(name: string, value: string): unknown };

/**
 * A guard for NestJS: `@UseGuards(new KeyGuard(latchkey, options))`. Only requests with a valid key pass; the route
 * finds the key in `request.verifiedKey`. The guard refuses a request with an `HttpException`, so that exception
 * filters see it.
 */
export class KeyGuard<
  M extends MetaTypes,
  const Options extends GuardOptions<ExecutionContext, M> = GuardOptions<ExecutionContext, M>,
> {
  readonly #latchkey: ClientSource<M, [ExecutionContext]>;
  readonly #judge: ReturnType<typeof judging<ExecutionContext, M, Options>>;
  readonly #keys: Keyring<GuardedKey<M, Options>> = keyring();

  constructor(
    latchkey: ClientSource<M, [ExecutionContext]>,
    options: Checked<M, Options> = {} as Checked<M, Options>,
  ) {
    this.#latchkey = latchkey;
    this.#judge = judging<ExecutionContext, M, Options>(options);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Incoming>();
    const response = context.switchToHttp().getResponse<Outgoing>();
    const client = await clientFor(this.#latchkey, context);
    const verdict = await this.#judge(client, {
      request: context,
      subject: request,
      header: (name) => headerOf(request.headers, name),
      address: () => request.ip,
    });
    if (!verdict.passed) throw exceptionFor(verdict, response);
    for (const [name, value] of Object.entries(verdict.headers)) response.header(name, value);
    this.#keys.keep(request, verdict.key);
    if (verdict.key !== undefined) request.verifiedKey = verdict.key as VerifiedKey;
    return true;
  }

  /**
   * Returns the key of a request that passed this guard. Errors: `LatchkeyError` if the request did not pass
   * this guard.
   */
  keyOf(request: object): GuardedKey<M, Options> {
    return this.#keys.keyOf(request);
  }
}

/**
 * A guard for routes that require a further permission: `@UseGuards(new PermissionGuard("documents.write"))`. It checks
 * the key that a `KeyGuard` has verified. It sends no request to the server and counts against no limit.
 */
export class PermissionGuard<Permission extends string = string> {
  readonly #judge: ReturnType<typeof permitting<ExecutionContext>>;

  constructor(permissions: Permission, options: PermissionOptions<ExecutionContext> = {}) {
    this.#judge = permitting(permissions, options);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const refusal = await this.#judge({ request: context, subject: http.getRequest<Incoming>() });
    if (refusal !== undefined) throw exceptionFor(refusal, http.getResponse<Outgoing>());
    return true;
  }
}

/** Sets the refusal's headers on the response, and returns the exception for its status and body. */
function exceptionFor(refusal: Refusal, response: Outgoing): HttpException {
  for (const [name, value] of Object.entries(refusal.headers)) {
    // NestJS sets the Content-Type of an exception's body itself, and logs a warning if another one is set
    if (name !== "content-type") response.header(name, value);
  }
  return new HttpException(bodyOf(refusal), refusal.status);
}

/**
 * Returns the body as an object if it is JSON, because NestJS sends an object unchanged but wraps a string in
 * an object.
 */
function bodyOf({ body }: Refusal): string | object {
  try {
    return JSON.parse(body) as object;
  } catch {
    return body;
  }
}
