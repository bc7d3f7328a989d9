import { Failure } from "../errors/failure.ts";
import type { Exchange } from "../http/exchange.ts";
import { unknownPath } from "../http/wrongTarget.ts";
import type { Operation } from "../operation.ts";
import { isSameOrigin } from "./address.ts";
import type { Assets } from "./assets.ts";
import { type ConsoleSettings, isOffered } from "./availability.ts";
import { securityHeaders } from "./headers.ts";
import type { LoginTokens } from "./loginLink.ts";

export type ConsoleOptions = {
  settings: ConsoleSettings;
  tokens: LoginTokens;
  /** Returns the files of the console. Errors: `Failure` if the console has not been built. */
  assets(): Promise<Assets>;
};

/** Checks whether a request may use the console. Throws if not. */
export type Admit = (exchange: Exchange, kind: "page" | "call") => void;

/**
 * Returns a function that checks a request to the console and sets the security headers of its response.
 * Errors: `unknown_operation` if the console is hidden from this request, `cross_site_request` if a call does
 * not come from a page of the console.
 */
export function admission(operations: readonly Operation[], settings: ConsoleSettings): Admit {
  return ({ request, headers: responseHeaders }, kind) => {
    const { headers } = request;
    if (!isOffered(settings, headers)) throw unknownPath("/console", operations);
    Object.assign(responseHeaders, securityHeaders);
    if (kind === "call" && !isSameOrigin(headers, settings.publicUrl)) {
      throw new Failure("cross_site_request");
    }
  };
}
