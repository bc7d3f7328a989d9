import { Failure } from "../errors/failure.ts";
import { documentRoute } from "../http/documentRoute.ts";
import { type Exchange, pathOf, smallResponse } from "../http/exchange.ts";
import { page } from "../http/page.ts";
import type { MoreRoutes } from "../http/serve.ts";
import type { Page } from "./pages.ts";

/** Serves the documentation. The code that renders its pages is loaded at the first request for a page. */
export const docsRoutes: MoreRoutes = ({ exchanges, publicUrl }) => {
  let found: Promise<(address: string) => Page | undefined> | undefined;
  const respond = async ({ request, headers }: Exchange): Promise<Response> => {
    found ??= import("./pages.ts").then(({ readPages }) => readPages(publicUrl()));
    const find = await found;
    const one = find(pathOf(request).replace(/\/$/, ""));
    if (one === undefined) {
      throw new Failure("unknown_operation", { detail: "No page has this address. /docs lists the pages." });
    }
    if (one.document.length > smallResponse) headers["Connection"] = "close";
    const isKnown = request.headers.get("if-none-match") === one.tag;
    const response = isKnown ? page(null, 304) : page(one.document);
    response.headers.set("ETag", one.tag);
    response.headers.set("Cache-Control", "no-cache");
    return response;
  };
  const get = documentRoute(exchanges)(respond);
  return { "/docs": get, "/docs/*": get };
};
