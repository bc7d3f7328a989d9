import { isSpanContextValid, type SpanContext } from "@opentelemetry/api";

/** The header's format: version, trace id, parent's span id, flags. Versions after 00 may append more fields. */
const form = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Returns the caller's span from a W3C `traceparent` header, or `undefined` if the header is missing or invalid. Spans
 * contain nothing of the caller's other headers: not even `tracestate` is read.
 */
export function remoteParent(header: string | null): SpanContext | undefined {
  const [, version, traceId = "", spanId = "", flags = "", more] = form.exec(header ?? "") ?? [];
  if (version === "00" && more !== undefined) return undefined;
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return isSpanContextValid(parent) ? parent : undefined;
}
