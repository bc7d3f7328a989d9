import type { Access } from "../http/access.ts";
import { documentRoute } from "../http/documentRoute.ts";
import { type Exchange, pathOf, type Responder } from "../http/exchange.ts";
import type { MoreRoutes } from "../http/serve.ts";
import { unknownPath } from "../http/wrongTarget.ts";
import type { Operation } from "../operation.ts";
import type { Services } from "../services.ts";
import { type Admit, admission, type ConsoleOptions } from "./admission.ts";
import { hasConsole, isHttps } from "./availability.ts";
import { type SessionCookie, sessionCookie } from "./cookie.ts";
import { sessionRoute } from "./sessionRoute.ts";
import { sessions } from "./sessions.ts";

/** Serves the console: its files, its sessions, and the operations for a browser with a session. */
export function consoleRoutes(
  operations: readonly Operation[],
  services: Services,
  options: ConsoleOptions,
): MoreRoutes | undefined {
  const { settings } = options;
  if (!hasConsole(settings)) return undefined;
  return ({ exchanges, respondTo, authentication, reportOverload, port }) => {
    let made: SessionCookie | undefined;
    const cookie = () => {
      made ??= sessionCookie(isHttps(settings.publicUrl), port());
      return made;
    };
    const sessionStore = sessions(services);
    const admit = admission(operations, settings);
    const access: Access = {
      admit: (exchange) => admit(exchange, "call"),
      caller: async ({ request }) => (await sessionStore.find(cookie().read(request.headers))).caller,
      secret: ({ headers }) => cookie().read(headers) ?? "",
      via: "console",
    };
    const page = pageRoute(operations, options, admit);
    const get: Responder = documentRoute(exchanges)(page);
    return {
      ...Object.fromEntries(operations.map((one) => [`/console/api/${one.name}`, respondTo(one, access)])),
      "/console/session": sessionRoute({
        exchanges,
        services,
        options,
        authentication,
        reportOverload,
        sessionStore,
        cookie,
        admit,
      }),
      "/console": get,
      "/console/*": get,
    };
  };
}

/**
 * Serves the console's files below `/console/assets/`, and its only page for all other paths: the router in the browser
 * reads the path.
 */
function pageRoute(operations: readonly Operation[], { assets }: ConsoleOptions, admit: Admit) {
  return async (exchange: Exchange): Promise<Response> => {
    admit(exchange, "page");
    const { request } = exchange;
    const path = pathOf(request);
    if (path === "/console") {
      return new Response(null, { status: 308, headers: { Location: "/console/" } });
    }
    const file = path.slice("/console/".length);
    if (file.startsWith("api/")) throw unknownPath(path, operations);
    const find = await assets();
    const encodings = request.headers.get("accept-encoding") ?? "";
    const isFile = file.startsWith("assets/");
    const found = find(isFile ? file : "index.html", encodings);
    if (found === undefined) throw unknownPath(path, operations);
    return found;
  };
}
