import { expect } from "bun:test";
import type { Call } from "../src/run.ts";

/**
 * A call for `run`, as it would come from a root key that may do everything in this workspace. The call is not a batch.
 */
export function directCall(workspaceId: string, body: unknown): Call {
  return {
    caller: { workspaceId, rootKeyId: "root_1", permissions: new Set(["*"]) },
    requestId: "req_1",
    via: undefined,
    remoteAddress: () => "127.0.0.1",
    auditsNothing: () => undefined,
    userAgent: () => undefined,
    idempotency: () => undefined,
    note: () => undefined,
    admitEntries: () => expect.unreachable(),
    refuseEntry: () => expect.unreachable(),
    body: () => body,
  };
}
