import { type Attributes, ROOT_CONTEXT, type Span, SpanKind, type Tracer, trace } from "@opentelemetry/api";
import { catalogue } from "../errors/catalogue.ts";
import { Failure } from "../errors/failure.ts";
import type { Exchange, RequestTracing } from "../http/exchange.ts";
import { methodLabel } from "../metrics.ts";
import type { Result } from "../run.ts";
import { currentSpan, failed } from "./spans.ts";
import { remoteParent } from "./traceparent.ts";

/**
 * Creates a span for each request to an operation or to an unknown path, but not for health checks and documents. The
 * span has the operation, the workspace and the outcome. It never has an unknown path, a query, a header or any part
 * of a body. `continues`: whether the span becomes a child of the caller's span.
 */
export function requestTracing(tracer: Tracer, continues: boolean): RequestTracing {
  return {
    exchanges: (inner) => ({
      ...inner,
      succeed(exchange, result) {
        const span = currentSpan.getStore();
        if (span !== undefined) describe(span, exchange, verdictOf(exchange, result));
        return inner.succeed(exchange, result);
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

    traced(operation, serverUrl, respond) {
      const route = `/v2/${operation.name}`;
      const attributesOf = once(() => ({
        ...serverAttributes(serverUrl()),
        "url.path": route,
        "http.route": route,
        "latchkey.operation": operation.name,
      }));
      return (request, socket) => {
        const method = methodLabel(request.method);
        const attributes = { "http.request.method": method, ...attributesOf() };
        const options = { kind: SpanKind.SERVER, attributes };
        const span = tracer.startSpan(`${method} ${route}`, options, parentOf(request, continues));
        if (!span.isRecording()) return currentSpan.run(span, () => respond(request, socket));
        return currentSpan.run(span, () => ended(span, respond(request, socket)));
      };
    },
  };
}

function once<T extends object>(create: () => T): () => T {
  let created: T | undefined;
  return () => {
    created ??= create();
    return created;
  };
}

async function ended(span: Span, pending: Response | Promise<Response>): Promise<Response> {
  try {
    const response = await pending;
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

/** Starts the span of a request to an unknown path. The span does not have the path, which may contain anything. */
function unknownPathSpan(tracer: Tracer, { request, startedAtMs }: Exchange, continues: boolean): Span {
  const method = methodLabel(request.method);
  const attributes = { "http.request.method": method, "url.scheme": "http" };
  const options = { kind: SpanKind.SERVER, startTime: startedAtMs, attributes };
  return tracer.startSpan(method, options, parentOf(request, continues));
}

/** Returns attributes with the server's own address, whatever address the caller's Host header has. */
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

/** Returns the code of a verification. For other operations, returns `undefined`, even if their data has a `code`. */
function verdictOf({ operation }: Exchange, { data }: Result): string | undefined {
  if (operation?.name !== "keys.verifyKey") return undefined;
  const { code } = (data ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

function end(span: Span, { status }: Response): void {
  span.setAttribute("http.response.status_code", status);
  span.end();
}
