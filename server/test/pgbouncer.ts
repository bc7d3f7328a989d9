import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, listens } from "./program.ts";
import { until } from "./until.ts";

export type PgBouncer = { url: string; stop(): Promise<void> };

/** Starts a PgBouncer in front of the PostgreSQL at `url`. `settings` are lines of its configuration. */
export async function startPgBouncer(url: string, ...settings: string[]): Promise<PgBouncer> {
  const { hostname, port, username } = new URL(url);
  const listenPort = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "latchkey-pgbouncer-"));
  const isRoot = process.getuid?.() === 0;
  writeFileSync(join(folder, "users"), `"${username}" ""\n`);
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    [
      "[databases]",
      `* = host=${hostname} port=${port}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${listenPort}`,
      "unix_socket_dir =",
      "auth_type = trust",
      `auth_file = ${folder}/users`,
      ...(isRoot ? ["user = nobody"] : []), // PgBouncer refuses to run as root
      ...settings,
      "",
    ].join("\n"),
  );
  const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", program(), join(folder, "pgbouncer.ini")], {
    stdout: "ignore",
    stderr: "ignore",
  });
  child.unref();
  await until(() => child.exitCode !== null || listens(listenPort));
  if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}`);
  const through = new URL(url);
  through.port = String(listenPort);
  return {
    url: through.href,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true });
    },
  };
}

const program = () => Bun.which("pgbouncer") ?? "/usr/sbin/pgbouncer";
