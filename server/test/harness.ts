import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, startServer } from "../src/compose.ts";
import { readConfig } from "../src/config/read.ts";
import { serverPermission } from "../src/domain/caller.ts";
import { rootKeySecret } from "../src/domain/secrets.ts";
import { hashKey, randomBytes } from "../src/runtime.ts";
import { insertRootKey } from "../src/storage/queries/rootKeys.ts";
import { insertWorkspace } from "../src/storage/queries/workspaces.ts";
import { watchPlans } from "./plans.ts";
import { readReply } from "./reply.ts";
import { sharedCluster } from "./services.ts";

/** A database that tests run on. */
export type TestEngine = {
  name: string;
  /** Creates an empty database, and returns its address. */
  url(folder: string): string | Promise<string>;
  drop?(url: string): Promise<void>;
};

/** Awaited here, at the top level, because starting PostgreSQL takes longer than the time limit of a test. */
const cluster = await sharedCluster();

export const postgres: TestEngine = {
  name: "postgres",
  url: cluster.make,
  drop: cluster.drop,
};

/** The databases on which tests run. */
export const engines: readonly TestEngine[] = [
  { name: "sqlite in a file", url: (folder) => `file:${join(folder, "latchkey.db")}` },
  { name: "sqlite in memory", url: () => ":memory:" },
  postgres,
];

/** The permissions of a root key that may call every operation. */
export const everything: readonly string[] = ["*", serverPermission];

/** A clock that only the test moves. */
export type Clock = {
  /** what the wall clock shows, as Unix time in milliseconds */
  nowMs: number;
  /** the sum of all `set` calls: the wall clock minus the monotonic clock */
  setByMs: number;
  /** Lets time pass: both the wall clock and the monotonic clock advance. */
  advance(ms: number): void;
  /** Sets the wall clock forward or back. The monotonic clock stays the same. */
  set(byMs: number): void;
};

function makeClock(): Clock {
  return {
    nowMs: Date.UTC(2026, 0, 15, 12),
    setByMs: 0,
    advance(ms) {
      this.nowMs += ms;
    },
    set(byMs) {
      this.nowMs += byMs;
      this.setByMs += byMs;
    },
  };
}

/** A response. `body` is parsed if it is JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
export type Reply = { status: number; headers: Headers; body: any; text: string };

export type TestServer = {
  url: string;
  /** a root key with all permissions in the first workspace */
  rootKey: string;
  workspaceId: string;
  clock: Clock;
  /** the log lines so far */
  log: string[];
  services: RunningServer["services"];
  loginLink: RunningServer["loginLink"];
  folder: string;
  databaseUrl: string;
  /** Sends `POST /v2/<operation>`. A body that is a string is sent unchanged, anything else as JSON. */
  call(operation: string, body: unknown, options?: CallOptions): Promise<Reply>;
  /** Creates a root key with exactly these permissions. Default: in the first workspace. */
  makeRootKey(
    permissions: readonly string[],
    options?: { workspaceId?: string; expiresAtMs?: number },
  ): Promise<string>;
  makeWorkspace(): Promise<string>;
  /** Stops the server, and starts it again on the same database, which must not be in memory. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

export type CallOptions = { rootKey?: string | undefined; headers?: Record<string, string>; method?: string };

export type TestOptions = {
  engine?: TestEngine;
  /** settings in addition to those of every test */
  config?: Record<string, string>;
};

/** Starts a server on a free port, with a clock that stands still. Prefer `testServer` from setUp.ts. */
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
      monotonicMs: () => clock.nowMs - clock.setByMs,
      log: (level, event, fields = {}) =>
        void log.push(
          JSON.stringify({ level, event, ...(typeof fields === "function" ? fields() : fields) }),
        ),
      keepRootKey: (made) => {
        rootKey = made;
      },
    });
  let server = await start();
  const watch = () =>
    databaseUrl.startsWith("file:") ? watchPlans(server.services.engine, databaseUrl) : () => undefined;
  let checkPlans = watch();
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
    loginLink: () => server.loginLink(),
    folder,
    databaseUrl,
    call: (operation, body, call = {}) => post(test, `/v2/${operation}`, body, call),
    async makeRootKey(permissions, { workspaceId = firstWorkspace.id, expiresAtMs } = {}) {
      const key = rootKeySecret(randomBytes(24));
      const id = server.services.newId("root");
      await server.services.engine.transaction((tx) =>
        insertRootKey(tx, {
          id,
          workspaceId,
          hash: hashKey(key),
          start: "",
          end: "",
          name: undefined,
          permissions,
          expiresAtMs,
          nowMs: clock.nowMs,
        }),
      );
      return key;
    },
    async makeWorkspace() {
      const id = server.services.newId("ws");
      await server.services.engine.transaction((tx) =>
        insertWorkspace(tx, { id, name: "other", nowMs: clock.nowMs }),
      );
      return id;
    },
    async restart() {
      await server.stop();
      checkPlans();
      server = await start();
      checkPlans = watch();
      test.url = server.url;
      test.services = server.services;
    },
    async stop() {
      await server.stop();
      try {
        checkPlans();
      } finally {
        await engine?.drop?.(databaseUrl);
        rmSync(folder, { recursive: true, force: true });
      }
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
