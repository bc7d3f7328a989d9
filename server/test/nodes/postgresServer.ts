import { appendFileSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { SQL } from "bun";
import { killIfAlive } from "../processes.ts";
import { freePort } from "../program.ts";
import { startServices } from "../services.ts";

/** A PostgreSQL server for one test, which may stop and kill it. */
export type PostgresServer = {
  url: string;
  /** the data folder of the server */
  folder: string;
  /** Runs one of PostgreSQL's programs as the owner of the folder. If it fails, throws what it wrote. */
  run(program: string, ...words: string[]): void;
  /** Sends a signal to all processes of the server, beginning with its first process. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Kills all processes of the server, which cannot be used afterwards. */
  kill(): void;
  /** Runs the statements one after the other, and returns the rows of the last one. */
  ask(...statements: string[]): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
};

/** Starts a PostgreSQL with `scripts/services.sh`, even if the environment already names one. */
export async function startPostgres(): Promise<PostgresServer> {
  const { TEST_DATABASE_URL: _, ...ours } = process.env;
  const { environment, stop } = await startServices("postgres", ours);
  const {
    TEST_DATABASE_URL: url = "",
    TEST_POSTGRES_DATA: folder = "",
    TEST_POSTGRES_BIN: bin = "",
  } = environment;
  const run = (program: string, ...words: string[]) => runAs(statSync(folder).uid, join(bin, program), words);
  return { ...serverAt(url, folder), run, stop };
}

/** A server that follows another by streaming replication. */
export type Standby = PostgresServer & {
  port: number;
  /** Returns how many connections nodes have opened to the standby so far, refused connections included. */
  connections(): number;
};

/** Starts a standby of `primary`, and makes the primary's commits wait until the standby has them. */
export async function startStandby(primary: PostgresServer): Promise<Standby> {
  const { run } = primary;
  const folder = join(dirname(primary.folder), "standby");
  const log = `${folder}.log`;
  const url = new URL(primary.url);
  const port = await freePort();
  run("pg_basebackup", "-d", primary.url, "-D", folder, "-X", "stream", "-c", "fast", "-R");
  appendFileSync(join(folder, "postgresql.auto.conf"), `port = ${port}\nlog_connections = on\n`);
  run("pg_ctl", "start", "-D", folder, "-l", log, "-s", "-w");
  await primary.ask(`alter system set synchronous_standby_names = '*'`, "select pg_reload_conf()");
  url.port = String(port);
  return {
    ...serverAt(url.href, folder),
    run,
    port,
    connections: () => readFileSync(log, "utf8").split("connection received").length - 1,
    async stop() {
      signalAll(folder, "SIGCONT"); // a test may have stopped the processes with SIGSTOP
      run("pg_ctl", "stop", "-D", folder, "-m", "immediate", "-s");
    },
  };
}

function serverAt(
  url: string,
  folder: string,
): Pick<PostgresServer, "url" | "folder" | "signal" | "kill" | "ask"> {
  return {
    url,
    folder,
    signal: (name) => signalAll(folder, name),
    kill() {
      signalAll(folder, "SIGKILL");
      rmSync(join(folder, "postmaster.pid")); // otherwise services.sh would try to stop the server after the tests
    },
    async ask(...statements) {
      const sql = new SQL(url, { max: 1 });
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) rows = await sql.unsafe(statement);
      await sql.close();
      return rows;
    },
  };
}

/** Signals the first process, then those of its children that have not ended. */
function signalAll(folder: string, name: NodeJS.Signals): void {
  const [first] = readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n");
  const children = Bun.spawnSync(["pgrep", "-P", String(first)]).stdout.toString();
  for (const pid of [first, ...children.split("\n").filter(Boolean)]) {
    killIfAlive(Number(pid), name);
  }
}

function runAs(owner: number, program: string, words: readonly string[]): void {
  const asOwner = process.getuid?.() === 0 ? ["setpriv", "--reuid", String(owner), "--clear-groups"] : [];
  const { exitCode, stderr } = Bun.spawnSync([...asOwner, program, ...words], { cwd: "/", stdout: "ignore" });
  if (exitCode !== 0) throw new Error(`${program}: ${stderr.toString()}`);
}
