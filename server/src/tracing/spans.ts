import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { Failure } from "../errors.ts";

/** The span of what is being done, across everything that is awaited. */
export const currentSpan = new AsyncLocalStorage<Span | undefined>();

/** Does `work`, which waits on another process or a disk, in a span below the current one; without one it leaves none. */
export async function spanAround<T>(
  tracer: Tracer,
  name: string,
  attributes: Attributes,
  work: (span: Span | undefined) => T | Promise<T>,
): Promise<T> {
  const parent = currentSpan.getStore();
  if (parent?.isRecording() !== true) return work(undefined);
  const below = trace.setSpan(ROOT_CONTEXT, parent);
  const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, below);
  try {
    return await currentSpan.run(span, () => work(span));
  } catch (error) {
    // a refusal that ends a transaction is no fault of the database
    if (!(error instanceof Failure)) failed(span, kindOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** `kind`: a name of ours; messages may quote data and stay out. */
export function failed(span: Span, kind: string): void {
  span.setAttribute("error.type", kind);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function kindOf(error: unknown): string {
  const { reason, name } = error as { reason?: unknown; name?: unknown };
  if (typeof reason === "string") return reason;
  return typeof name === "string" ? name : "unknown";
}
