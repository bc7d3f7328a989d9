import { isSpanContextValid, type SpanContext } from "@opentelemetry/api";

/** version, trace, parent, flags; versions after 00 may append more fields */
const form = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The caller's span, from a W3C `traceparent` header; undefined if it is missing or invalid. Of all that callers
 * send, only these ids and the sampling flag are ever exported: `tracestate` is not read.
 */
export function remoteParent(header: string | null): SpanContext | undefined {
  const [, version, traceId = "", spanId = "", flags = "", more] = form.exec(header ?? "") ?? [];
  if (version === "00" && more !== undefined) return undefined;
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return isSpanContextValid(parent) ? parent : undefined;
}
