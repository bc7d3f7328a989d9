import type { MetaTypes } from "./calls.ts";
import { addressOfEvent } from "./clientAddress.ts";
import { type ClientSource, clientFor } from "./clientSource.ts";
import { headerOf } from "./guard.ts";
import type { GuardedKey, GuardOptions } from "./guardOptions.ts";
import { judging } from "./judge.ts";
import type { Checked } from "./knownNames.ts";
import { type PermissionOptions, permitting } from "./permitting.ts";
import type { Refusal } from "./refusals.ts";

/** An event of API Gateway (HTTP or REST), of a function URL or of a load balancer. */
type Incoming = { headers?: Record<string, string | undefined> | null; requestContext?: unknown };

/**
 * A handler's response with a status and headers. A handler may also return a string or another value as the
 * body alone.
 */
type Result = {
  statusCode?: number;
  headers?: Record<string, string | number | boolean>;
  body?: string;
};

/**
 * Wraps a handler of AWS Lambda: `withKey(latchkey, options, async (event, key, context) => …)`. Only requests with a
 * valid key reach the handler. Create the client outside the handler, so that its connections outlive one invocation.
 */
export function withKey<
  M extends MetaTypes,
  const Options extends GuardOptions<Event, M>,
  Event extends Incoming = Incoming,
  Context = unknown,
  Returned = unknown,
>(
  latchkey: ClientSource<M, [Event, Context]>,
  options: Checked<M, Options>,
  handler: (event: Event, key: GuardedKey<M, Options>, context: Context) => Returned | Promise<Returned>,
): (event: Event, context: Context) => Promise<Returned | Required<Result>> {
  const judge = judging<Event, M, Options>(options);
  return async (event, context) => {
    const client = await clientFor(latchkey, event, context);
    const verdict = await judge(client, {
      request: event,
      subject: event,
      header: (name) => headerOf(event.headers ?? {}, name),
      address: () => addressOfEvent(event),
    });
    if (!verdict.passed) return resultOf(verdict);
    return withHeaders(await handler(event, verdict.key, context), verdict.headers);
  };
}

/**
 * Wraps a handler that requires a further permission. Wrap the result in `withKey`, which verifies the key. Checking
 * the permission sends no request to the server and counts against no limit.
 */
export function withPermission<
  Event extends Incoming,
  Key,
  Context,
  Returned,
  Permission extends string = string,
>(
  permissions: Permission,
  handler: (event: Event, key: Key, context: Context) => Returned | Promise<Returned>,
  options: PermissionOptions<Event> = {},
): (event: Event, key: Key, context: Context) => Promise<Returned | Required<Result>> {
  const judge = permitting<Event>(permissions, options);
  return async (event, key, context) => {
    const refusal = await judge({ request: event, subject: event });
    return refusal === undefined ? handler(event, key, context) : resultOf(refusal);
  };
}

function resultOf({ status, headers, body }: Refusal): Required<Result> {
  return { statusCode: status, headers, body };
}

/** Adds headers to a handler's result. A result without `statusCode` is only a body, so it is returned unchanged. */
function withHeaders<Returned>(result: Returned, added: Record<string, string>): Returned {
  if (typeof result !== "object" || result === null || !("statusCode" in result)) return result;
  const { headers } = result as Result;
  return { ...result, headers: { ...added, ...headers } };
}
