/**
 * A process that migrate.test.ts starts with `<path> <killAt>`. It migrates the database, and kills itself at the
 * statement with the number `killAt`. If `killAt` is 0, it completes the migration.
 */
import { Database } from "bun:sqlite";
import { migrate } from "../src/storage/migrate.ts";

const [path = "", killAt = "0"] = process.argv.slice(2);
const connection = new Database(path, { create: true, readwrite: true });
connection.run("pragma journal_mode = wal");
let statements = 0;

await migrate({
  types: { engine: "sqlite", text: "text", int64: "integer", bytes: "blob", tableEnd: "strict" },
  async locked(work) {
    connection.run("begin immediate");
    await work(async (sql) => {
      statements += 1;
      if (statements === Number(killAt)) process.kill(process.pid, "SIGKILL");
      return connection.query<Record<string, unknown>, []>(sql).all();
    });
    connection.run("commit");
  },
});
console.log(statements);
