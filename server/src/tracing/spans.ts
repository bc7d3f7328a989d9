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
import { Failure } from "../errors/failure.ts";

/** The span of the current request, or of its current step, such as a transaction. It is kept across awaits. */
export const currentSpan = new AsyncLocalStorage<Span | undefined>();

/**
 * Runs `work` inside a child of the current span. Use it for work that waits for another process or a disk. If there is
 * no current span, it only runs `work`.
 */
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
    // A `Failure` refuses the request and so ends its transaction, but the database has not failed.
    if (!(error instanceof Failure)) failed(span, kindOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** Marks a span as failed. `kind` is an error's code or class, never its message, which might contain user data. */
export function failed(span: Span, kind: string): void {
  span.setAttribute("error.type", kind);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function kindOf(error: unknown): string {
  const { reason, name } = error as { reason?: unknown; name?: unknown };
  if (typeof reason === "string") return reason;
  return typeof name === "string" ? name : "unknown";
}
