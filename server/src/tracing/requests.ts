import { type Attributes, ROOT_CONTEXT, type Span, SpanKind, type Tracer, trace } from "@opentelemetry/api";
import { catalogue, Failure } from "../errors.ts";
import type { Exchange, RequestTracing } from "../http/exchange.ts";
import { toldMethod } from "../metrics.ts";
import type { Answer } from "../run.ts";
import { currentSpan, failed } from "./spans.ts";
import { remoteParent } from "./traceparent.ts";

/**
 * A span for each request to an operation or to a path that there is not; health checks and documents make none. It
 * says who asked for what and how that ended: never a path, a query, a header or anything of a body.
 */
export function requestTracing(tracer: Tracer, continues: boolean): RequestTracing {
  return {
    exchanges: (inner) => ({
      ...inner,
      succeed(exchange, answer) {
        const span = currentSpan.getStore();
        if (span !== undefined) describe(span, exchange, verdictOf(exchange, answer));
        return inner.succeed(exchange, answer);
      },
      refuse(exchange, error) {
        const span = currentSpan.getStore() ?? unknownPathSpan(tracer, exchange, continues);
        const code = error instanceof Failure ? error.code : "unexpected_error";
        describe(span, exchange, code);
        if (catalogue[code].status >= 500) failed(span, code);
        const response = currentSpan.run(span, () => inner.refuse(exchange, error));
        if (exchange.operation === undefined) end(span, response);
        return response;
      },
    }),

    answering(operation, serverUrl, answer) {
      const route = `/v2/${operation.name}`;
      const attributesOf = once(() => ({
        ...serverAttributes(serverUrl()),
        "url.path": route,
        "http.route": route,
        "latchkey.operation": operation.name,
      }));
      return (request, socket) => {
        const method = toldMethod(request.method);
        const attributes = { "http.request.method": method, ...attributesOf() };
        const options = { kind: SpanKind.SERVER, attributes };
        const span = tracer.startSpan(`${method} ${route}`, options, parentOf(request, continues));
        if (!span.isRecording()) return currentSpan.run(span, () => answer(request, socket));
        return currentSpan.run(span, () => ended(span, answer(request, socket)));
      };
    },
  };
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function ended(span: Span, answer: Response | Promise<Response>): Promise<Response> {
  try {
    const response = await answer;
    end(span, response);
    return response;
  } catch (error) {
    failed(span, "unexpected_error");
    span.end();
    throw error;
  }
}

function parentOf(request: Request, continues: boolean) {
  const parent = continues ? remoteParent(request.headers.get("traceparent")) : undefined;
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

/** Of a request that no operation answers; its path may be anything, and is not told. */
function unknownPathSpan(tracer: Tracer, { request, startedAtMs }: Exchange, continues: boolean): Span {
  const method = toldMethod(request.method);
  const attributes = { "http.request.method": method, "url.scheme": "http" };
  const options = { kind: SpanKind.SERVER, startTime: startedAtMs, attributes };
  return tracer.startSpan(method, options, parentOf(request, continues));
}

/** Where the server is, as it knows that itself and not as the caller's Host header says. */
function serverAttributes(serverUrl: string): Attributes {
  const { hostname, port, protocol } = new URL(serverUrl);
  const usualPort = protocol === "https:" ? 443 : 80;
  return {
    "url.scheme": protocol.slice(0, -1),
    "server.address": hostname,
    "server.port": port === "" ? usualPort : Number(port),
  };
}

function describe(span: Span, exchange: Exchange, code: string | undefined): void {
  span.setAttribute("latchkey.request_id", exchange.requestId);
  if (exchange.caller !== undefined) span.setAttribute("latchkey.workspace_id", exchange.caller.workspaceId);
  if (code !== undefined) span.setAttribute("latchkey.code", code);
}

/** The outcome of a verification; other answers have none, whatever they hold. */
function verdictOf({ operation }: Exchange, { data }: Answer): string | undefined {
  if (operation?.name !== "keys.verifyKey") return undefined;
  const { code } = (data ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

function end(span: Span, { status }: Response): void {
  span.setAttribute("http.response.status_code", status);
  span.end();
}
