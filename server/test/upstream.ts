import { fromUpstream, unknownHash } from "../src/storage/queries/keys/waiting.ts";
import { insertKeys } from "../src/storage/queries/keys/write.ts";
import { startTest, type TestEngine, type TestServer } from "./harness.ts";

/** A server that stands in for the upstream: its address, the bodies that it has received, and how to stop it. */
export type FakeUpstream = { url: string; bodies: Record<string, unknown>[]; stop(): Promise<void> };

/** Starts a server that responds to every request with what `respond` returns. */
export function startUpstream(
  respond: (request: Request, body: string) => Response | Promise<Response>,
): FakeUpstream {
  const bodies: Record<string, unknown>[] = [];
  const server = Bun.serve({
    port: 0,
    async fetch(request) {
      const body = await request.text();
      bodies.push(JSON.parse(body));
      return respond(request, body);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    bodies,
    stop: () => server.stop(true),
  };
}

/**
 * Returns a function that passes requests on to the server at this address, without the headers that belong to the
 * connection.
 */
export function passTo(url: () => string): (request: Request, body: string) => Promise<Response> {
  return (request, body) => {
    const headers = new Headers(request.headers);
    for (const name of ["host", "connection", "content-length"]) headers.delete(name);
    return fetch(url() + new URL(request.url).pathname, { method: "POST", headers, body });
  };
}

export type Settings = Record<string, string>;

/** Starts a Latchkey whose upstream is at this address. */
export function startAfter(
  engine: TestEngine,
  url: string,
  mode: "shadow" | "fallback",
  { UPSTREAM_VERIFY_ROOT_KEY = "root", ...settings }: Settings = {},
): Promise<TestServer> {
  return startTest({
    engine,
    config: {
      UPSTREAM_VERIFY_MODE: mode,
      UPSTREAM_VERIFY_URL: url,
      UPSTREAM_VERIFY_ROOT_KEY,
      ...settings,
    },
  });
}

/** Creates an api, and returns its id. */
export async function makeApi(server: TestServer): Promise<string> {
  return (await server.call("apis.createApi", { name: "moved" })).body.data.apiId;
}

export type Waiting = { keyId: string; apiId: string; start: string; workspaceId?: string };

/** Stores a key that waits for its hash. */
export async function makeWaiting(server: TestServer, waiting: Waiting): Promise<void> {
  const { keyId, apiId, start, workspaceId = server.workspaceId } = waiting;
  await server.services.engine.transaction((tx) =>
    insertKeys(tx, [
      {
        id: keyId,
        workspaceId,
        apiId,
        identityId: undefined,
        subjectId: keyId,
        hash: unknownHash(keyId),
        start,
        prefix: undefined,
        byteLength: 16,
        name: undefined,
        meta: undefined,
        enabled: true,
        expiresAtMs: undefined,
        ipAllowList: undefined,
        pendingMigrationId: fromUpstream,
        sealed: undefined,
        nowMs: server.clock.nowMs,
      },
    ]),
  );
}

/** Returns whether the key still waits for its hash. */
export async function waits(server: TestServer, keyId: string): Promise<boolean> {
  const row = await server.services.engine.db
    .selectFrom("keys")
    .select("pendingMigrationId")
    .where("id", "=", keyId)
    .executeTakeFirstOrThrow();
  return row.pendingMigrationId === fromUpstream;
}

/** Returns a response to a verification with this `data`. */
export function verdict(data: object): Response {
  return Response.json({ meta: { requestId: "req_1" }, data });
}
