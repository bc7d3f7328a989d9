import { expect } from "bun:test";
import type { CallOptions, Reply, TestServer } from "./harness.ts";

/** A workspace for one test, on a server that tests share. */
export type Workspace = {
  id: string;
  /** has all permissions in it */
  rootKey: string;
  call(operation: string, body: unknown, options?: CallOptions): Promise<Reply>;
  /** Expects a 200, and returns its `data`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
  data(operation: string, body: unknown, options?: CallOptions): Promise<any>;
  /** Expects a 400, and returns the places in the body that it names. */
  flaws(operation: string, body: unknown): Promise<string[]>;
  /** the audit trail, oldest first */
  audit(): Promise<{ event: string; targetId: string; fields: string[] }[]>;
  /** Creates a root key of this workspace with exactly these permissions. */
  keyWith(...permissions: string[]): Promise<string>;
};

/** Creates a workspace, so that a test sees no data of other tests. */
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

/** `depth` nested objects, including the outermost. */
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
