import { type Exchange, type Exchanges, pathOf, type Responder } from "./exchange.ts";
import { checkHead } from "./head.ts";
import { wrongMethod } from "./wrongTarget.ts";

/** Responds to GET and HEAD with what `respond` returns, such as a health check or a document. Needs no root key. */
export function documentRoute({ open, complete, refuse }: Exchanges) {
  return (respond: (exchange: Exchange) => Promise<Response> | Response): Responder =>
    async (request, socket) => {
      const exchange = open(request, socket);
      try {
        checkHead(request.headers);
        if (request.method === "GET" || request.method === "HEAD") {
          return complete(exchange, await respond(exchange));
        }
        exchange.notes["path"] = pathOf(request); // safe to log: a path that we serve contains no key
        throw wrongMethod("GET, HEAD");
      } catch (error) {
        return refuse(exchange, error);
      }
    };
}
