import { sql } from "kysely";
import { Failure } from "../../src/errors/failure.ts";
import { problemBody, problemType } from "../../src/http/problem.ts";
import type { TestServer } from "../harness.ts";

/**
 * Removes the tables of the database, so that every later statement of the server fails. The root key is cached first,
 * so that callers still authenticate.
 */
export async function loseTables({ services, call }: TestServer): Promise<void> {
  await call("apis.getApi", { apiId: "api_none0000" });
  const { db, transaction } = services.engine;
  const tables = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(db);
  await transaction(async (tx) => {
    for (const { name } of tables.rows) {
      if (name.startsWith("sqlite_")) continue;
      await sql`alter table ${sql.id(name)} rename to ${sql.id(`lost_${name}`)}`.execute(tx);
    }
  });
}

/** Returns the response that the server gives while its database is unavailable. */
export function unavailable(): Response {
  const failure = new Failure("service_unavailable", { headers: { "Retry-After": "1" } });
  const type = problemType(503, undefined, null);
  return new Response(problemBody(failure, "req_1", "/errors/"), {
    status: 503,
    headers: { ...failure.headers, "Content-Type": type, "X-Request-Id": "req_1" },
  });
}

/**
 * Starts a proxy in front of the server at `url`. The proxy returns `faults` to the first requests, and forwards all
 * later requests.
 */
export function behindFaults(url: string, faults: readonly (() => Response)[]) {
  let asked = 0;
  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const fault = faults[asked];
      asked += 1;
      if (fault !== undefined) return fault();
      const { pathname } = new URL(request.url);
      const { method, headers } = request;
      return fetch(url + pathname, { method, headers, body: await request.bytes() });
    },
  });
  return { url: `http://127.0.0.1:${proxy.port}`, asked: () => asked, stop: () => proxy.stop(true) };
}
