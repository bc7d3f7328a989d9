import { catalogue, type ErrorCode } from "../../server/src/errors/catalogue.ts";
import { Failure } from "../../server/src/errors/failure.ts";
import { problemBody } from "../../server/src/http/problem.ts";
import type { Fault } from "./orders.ts";

export type Faults = {
  add(operation: string, fault: Fault): void;
  /** The failure to return for this request; undefined if the test asked for none. */
  responseTo(request: Request): Response | undefined;
  clear(): void;
};

/** The failures that the test asked for. Those of one operation are returned in the order in which they were added. */
export function makeFaults(): Faults {
  const waiting = new Map<string, { status: number; left: number }[]>();
  return {
    add(operation, { status, times = 1 }) {
      waiting.set(operation, [...(waiting.get(operation) ?? []), { status, left: times }]);
    },
    responseTo({ url }) {
      const { pathname, origin } = new URL(url);
      const faults = waiting.get(pathname.replace(/^\/v2\//, "")) ?? [];
      const [fault] = faults;
      if (fault === undefined) return undefined;
      fault.left -= 1;
      if (fault.left <= 0) faults.shift();
      return failed(fault.status, origin);
    },
    clear: () => waiting.clear(),
  };
}

const requestId = "req_fault";

function failed(status: number, origin: string): Response {
  const code = codeOf(status);
  const error = {
    title: "Failed by the test",
    detail: "The test asked for this failure with `fail`.",
    status,
  };
  const body =
    code === undefined
      ? JSON.stringify({
          meta: { requestId },
          error: { ...error, type: `${origin}/errors/failed_by_the_test` },
        })
      : problemBody(new Failure(code), requestId, `${origin}/errors/`);
  const headers = { "Content-Type": "application/json", "X-Request-Id": requestId };
  return new Response(body, { status, headers });
}

/** The code of the server's first error with this status. A status that only proxies return has no code. */
function codeOf(status: number): ErrorCode | undefined {
  const [code] = Object.entries(catalogue).find(([, row]) => row.status === status) ?? [];
  return code as ErrorCode | undefined;
}
