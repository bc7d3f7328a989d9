import { expect } from "bun:test";
import type { CallOptions, Reply, TestServer } from "./harness.ts";

/** A workspace for one test, on a server that tests share. */
export type Workspace = {
  id: string;
  /** a root key with all permissions in the workspace */
  rootKey: string;
  call(operation: string, body: unknown, options?: CallOptions): Promise<Reply>;
  /** Calls an operation, expects a 200, and returns the `data`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
  data(operation: string, body: unknown, options?: CallOptions): Promise<any>;
  /** Calls an operation, expects a 400, and returns the places in the body that the error names. */
  flaws(operation: string, body: unknown): Promise<string[]>;
  /** Returns the audit trail, oldest event first. */
  audit(): Promise<{ event: string; targetId: string; fields: string[] }[]>;
  /** Creates a root key of this workspace with exactly these permissions. */
  keyWith(...permissions: string[]): Promise<string>;
};

/** Creates a workspace in which a test sees no data of other tests. */
export async function makeWorkspace(server: TestServer): Promise<Workspace> {
  const id = await server.makeWorkspace();
  const rootKey = await server.makeRootKey(["*"], { workspaceId: id });
  const call: Workspace["call"] = (operation, body, options = {}) =>
    server.call(operation, body, { rootKey, ...options });
  return {
    id,
    rootKey,
    call,
    async data(operation, body, options) {
      const reply = await call(operation, body, options);
      expect([reply.status, reply.body.error]).toEqual([200, undefined]);
      return reply.body.data;
    },
    async flaws(operation, body) {
      const reply = await call(operation, body);
      expect([reply.status, reply.body.data]).toEqual([400, undefined]);
      return reply.body.error.errors.map((flaw: { location: string }) => flaw.location);
    },
    async audit() {
      const rows = await server.services.engine.db
        .selectFrom("auditEvents")
        .select(["event", "targetId", "fields"])
        .where("workspaceId", "=", id)
        .orderBy("id")
        .execute();
      return rows.map((row) => ({ ...row, fields: JSON.parse(row.fields) }));
    },
    keyWith: (...permissions) => server.makeRootKey(permissions, { workspaceId: id }),
  };
}

/** Returns an object that is nested `depth` levels deep; the outermost counts as one. */
export function nested(depth: number): object {
  let value = {};
  for (let level = 1; level < depth; level += 1) value = { inner: value };
  return value;
}

/** Sends `count` calls at once, and returns how many got each status. */
export async function statuses(count: number, call: (index: number) => Promise<Reply>) {
  const replies = await Promise.all(Array.from({ length: count }, (_, index) => call(index)));
  const counts: Record<number, number> = {};
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
