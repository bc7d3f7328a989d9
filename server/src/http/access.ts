import type { Caller } from "../domain/caller.ts";
import { type Authentication, authenticate, secretOf } from "./authenticate.ts";
import type { Exchange } from "./exchange.ts";

/** How a request is authenticated: by a root key, or by a session of the console. */
export type Access = {
  /** Called before the body is read and before `caller`. Errors: why the request is refused, whoever the caller is. */
  admit?(exchange: Exchange): void;
  /** Errors: why the caller is unknown or refused. */
  caller(exchange: Exchange): Caller | Promise<Caller>;
  /** The secret that the caller presented. Stored responses are encrypted under a key that is derived from it. */
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
