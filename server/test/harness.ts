import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, startServer } from "../src/compose.ts";
import { readConfig } from "../src/config.ts";
import { rootKeySecret } from "../src/domain/secrets.ts";
import { hashKey, randomBytes } from "../src/runtime.ts";
import { insertRootKey } from "../src/storage/queries/rootKeys.ts";
import { insertWorkspace } from "../src/storage/queries/workspaces.ts";
import { readReply } from "./reply.ts";
import { sharedCluster } from "./services.ts";

/** A database that tests run on. */
export type TestEngine = {
  name: string;
  /** makes an empty one */
  url(folder: string): string | Promise<string>;
  drop?(url: string): Promise<void>;
};

/** awaited here, where no test's time limit counts yet */
const cluster = await sharedCluster();

export const postgres: TestEngine = {
  name: "postgres",
  url: cluster.make,
  drop: cluster.drop,
};

/** Every database the tests run on. */
export const engines: readonly TestEngine[] = [
  { name: "sqlite in a file", url: (folder) => `file:${join(folder, "latchkey.db")}` },
  { name: "sqlite in memory", url: () => ":memory:" },
  postgres,
];

/** A clock that moves only when it is told to. */
export type Clock = { nowMs: number; advance(ms: number): void };

function makeClock(): Clock {
  return {
    nowMs: Date.UTC(2026, 0, 15, 12),
    advance(ms) {
      this.nowMs += ms;
    },
  };
}

/** An answer; `body` is parsed where it is JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
export type Reply = { status: number; headers: Headers; body: any; text: string };

export type TestServer = {
  url: string;
  /** may do everything in the first workspace */
  rootKey: string;
  workspaceId: string;
  clock: Clock;
  /** log lines so far */
  log: string[];
  services: RunningServer["services"];
  folder: string;
  databaseUrl: string;
  /** `POST /v2/<operation>`; an object is sent as JSON, a string as it is */
  call(operation: string, body: unknown, options?: CallOptions): Promise<Reply>;
  /** a root key with exactly these permissions; in the first workspace unless another is named */
  makeRootKey(
    permissions: readonly string[],
    options?: { workspaceId?: string; expiresAtMs?: number },
  ): Promise<string>;
  makeWorkspace(): Promise<string>;
  /** stops and starts again on the same database; only for databases that outlive it */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

export type CallOptions = { rootKey?: string | undefined; headers?: Record<string, string>; method?: string };

export type TestOptions = {
  engine?: TestEngine;
  /** settings beside those of every test */
  config?: Record<string, string>;
};

/** Starts a server of its own on a free port, with a clock that stands still. */
export async function startTest(options: TestOptions = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-test-"));
  const { engine } = options;
  const databaseUrl = (await engine?.url(folder)) ?? ":memory:";
  const clock = makeClock();
  const log: string[] = [];
  let rootKey = "";
  const start = () =>
    startServer(readConfig({ PORT: "0", DATABASE_URL: databaseUrl, ...options.config }), {
      nowMs: () => clock.nowMs,
      monotonicMs: () => clock.nowMs,
      log: (level, event, fields = {}) =>
        void log.push(
          JSON.stringify({ level, event, ...(typeof fields === "function" ? fields() : fields) }),
        ),
      keepRootKey: (made) => {
        rootKey = made;
      },
    });
  let server = await start();
  const firstWorkspace = await server.services.engine.db
    .selectFrom("workspaces")
    .select("id")
    .executeTakeFirstOrThrow();

  const test: TestServer = {
    url: server.url,
    rootKey,
    workspaceId: firstWorkspace.id,
    clock,
    log,
    services: server.services,
    folder,
    databaseUrl,
    call: (operation, body, call = {}) => post(test, `/v2/${operation}`, body, call),
    async makeRootKey(permissions, { workspaceId = firstWorkspace.id, expiresAtMs } = {}) {
      const key = rootKeySecret(randomBytes(24));
      const id = server.services.newId("root", clock.nowMs);
      await server.services.engine.transaction((tx) =>
        insertRootKey(tx, {
          id,
          workspaceId,
          hash: hashKey(key),
          start: "",
          name: undefined,
          permissions,
          expiresAtMs,
          nowMs: clock.nowMs,
        }),
      );
      return key;
    },
    async makeWorkspace() {
      const id = server.services.newId("ws", clock.nowMs);
      await server.services.engine.transaction((tx) =>
        insertWorkspace(tx, { id, name: "other", nowMs: clock.nowMs }),
      );
      return id;
    },
    async restart() {
      await server.stop();
      server = await start();
      test.url = server.url;
      test.services = server.services;
    },
    async stop() {
      await server.stop();
      await engine?.drop?.(databaseUrl);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return test;
}

async function post(test: TestServer, path: string, body: unknown, call: CallOptions): Promise<Reply> {
  const { rootKey = test.rootKey, method = "POST" } = call;
  const headers = new Headers({ "Content-Type": "application/json", ...call.headers });
  if (rootKey !== "" && !headers.has("authorization")) headers.set("Authorization", `Bearer ${rootKey}`);
  const response = await fetch(test.url + path, {
    method,
    headers,
    ...(method === "POST" ? { body: typeof body === "string" ? body : JSON.stringify(body) } : {}),
  });
  return readReply(response);
}
