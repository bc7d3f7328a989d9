import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, listens } from "./program.ts";
import { until } from "./until.ts";

/** A Redis for one test, on a free port. Redis ends with the tests, if the test has not stopped it before. */
export type RedisServer = {
  port: number;
  /** the address, `redis://…`, without user and password */
  url: string;
  /** Returns the id of the current process. */
  pid(): number;
  signal(name: NodeJS.Signals): void;
  /** Kills Redis, without a last write to the disk. */
  kill(): Promise<void>;
  /** Starts Redis again after `kill`, on the same port and with the same settings. */
  start(): Promise<void>;
  /** Kills Redis, and removes its files. */
  stop(): Promise<void>;
};

/**
 * Starts a Redis. `settings` are lines of its configuration, in which PORT stands for its port. If Redis ends instead
 * of starting, throws its log.
 */
export async function startRedisServer(settings: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-redis-"));
  const server = Bun.which("redis-server") ?? Bun.which("valkey-server");
  if (server === null) throw new Error("Redis is missing: apt-get install redis-server");
  const port = await freePort();
  const own = settings.some((line) => line.startsWith("tls-port ")) ? ["port 0"] : [`port ${port}`];
  const lines = [...own, "bind 127.0.0.1", 'save ""', `dir ${folder}`, ...settings];
  await Bun.write(join(folder, "redis.conf"), lines.join("\n").replaceAll("PORT", String(port)));
  let child = run();

  function run() {
    const command = ["setpriv", "--pdeathsig", "KILL", server as string, join(folder, "redis.conf")];
    const started = Bun.spawn(command, { stdout: Bun.file(join(folder, "log")), stderr: "inherit" });
    started.unref();
    return started;
  }

  async function listening(): Promise<void> {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(await Bun.file(join(folder, "log")).text());
      return listens(port);
    });
  }

  async function kill(): Promise<void> {
    child.kill("SIGKILL");
    await child.exited;
  }

  await listening();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: () => child.pid,
    signal: (name) => child.kill(name),
    kill,
    async start() {
      child = run();
      await listening();
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
