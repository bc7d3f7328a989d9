import { expect, test } from "bun:test";
import { remoteParent } from "./traceparent.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

test("a caller's traceparent is read with its sampling flag, even if it has a future version", () => {
  const parent = { traceId, spanId, isRemote: true };
  expect(remoteParent(`00-${traceId}-${spanId}-01`)).toEqual({ ...parent, traceFlags: 1 });
  expect(remoteParent(`00-${traceId}-${spanId}-00`)).toEqual({ ...parent, traceFlags: 0 });
  expect(remoteParent(`00-${traceId}-${spanId}-fe`)).toEqual({ ...parent, traceFlags: 0 });
  expect(remoteParent(`cc-${traceId}-${spanId}-01-what-the-future-brings`)).toEqual({
    ...parent,
    traceFlags: 1,
  });
});

test("an invalid traceparent gives no parent", () => {
  for (const header of [
    null,
    "",
    "00",
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01 `,
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
    `cc-${traceId}-${spanId}-01x`,
  ]) {
    expect([header, remoteParent(header)]).toEqual([header, undefined]);
  }
});
