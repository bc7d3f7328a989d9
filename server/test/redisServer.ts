import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";

/** A Redis of a test's own, on a free port of this machine, which ends with the tests at the latest. */
export type RedisServer = {
  port: number;
  /** `redis://…` without user and password */
  url: string;
  /** of the process that runs now */
  pid(): number;
  signal(name: NodeJS.Signals): void;
  /** Ends it at once, without a last write to the disk. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and with the same settings. */
  start(): Promise<void>;
  /** Ends it, and removes what it wrote. */
  stop(): Promise<void>;
};

/** `settings`: lines of its configuration, in which PORT stands for its port. */
export async function startRedisServer(settings: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-redis-"));
  const server = Bun.which("redis-server") ?? Bun.which("valkey-server");
  if (server === null) throw new Error("Redis is missing: apt-get install redis-server");
  const port = 20_000 + Math.floor(Math.random() * 12_000);
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
      return canConnect(port);
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

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
