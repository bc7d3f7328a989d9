import { startServices } from "./services.ts";

/** A MariaDB for one test file. */
export type MariaDb = {
  /** Runs SQL statements in this database, which is created if it is missing. */
  run(database: string, statements: string): void;
  /** Returns what `mariadb-dump` writes for a database, with these options. */
  dump(database: string, ...options: readonly string[]): Buffer;
  stop(): Promise<void>;
};

/** Starts a MariaDB with `scripts/services.sh`, which takes about four seconds. */
export async function startMariaDb(): Promise<MariaDb> {
  const { environment, stop } = await startServices("mariadb");
  const login = ["--no-defaults", `--socket=${environment["TEST_MARIADB_SOCKET"]}`, "--user=root"];
  const program = (name: string, words: readonly string[], input = "") => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([name, ...login, ...words], {
      stdin: Buffer.from(input),
    });
    if (exitCode !== 0) throw new Error(`${name}: ${stderr.toString()}`);
    return stdout;
  };
  return {
    run(database, statements) {
      const create = `create database if not exists \`${database}\` character set utf8mb4; use \`${database}\`;`;
      program("mariadb", ["--default-character-set=utf8mb4"], `${create}\n${statements}`);
    },
    dump: (database, ...options) => program("mariadb-dump", [...options, database]),
    stop,
  };
}
