import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { add, faultOf, logBytes, newPath, testSqlite } from "../../../test/sqlite.ts";
import { until } from "../../../test/until.ts";
import type { Engine } from "../engine.ts";
import type { Tx } from "../schema.ts";
import { type Changes, keptChanges, storeChanges, watchChanges } from "./sqliteChanges.ts";
import { connect, pageCache } from "./sqliteConnection.ts";

const { open, close } = testSqlite();
let told: (readonly string[] | undefined)[] = [];
beforeEach(() => {
  told = [];
});
const twoPolls = () => Bun.sleep(600);

describe("a server on a file", () => {
  let path = "";
  let server: Engine;
  let command: Engine;
  beforeEach(async () => {
    path = newPath();
    server = await open(path, { serving: true });
    command = await open(path, { serving: false });
    server.onForeignChange(({ ids }) => told.push(ids));
  });
  const change = (engine: Engine, ids: readonly string[]) =>
    engine.transaction((tx) => engine.recordChanges(tx, new Set(ids)));

  test("learns which records a command changes, and none of its own", async () => {
    await change(server, ["own"]);
    await change(command, ["key_1", "id_1"]);
    await change(command, []);
    await until(() => told.flat().length === 2);
    await change(command, ["key_2"]);
    await until(() => told.flat().length === 3);
    expect(told.flat()).toEqual(["key_1", "id_1", "key_2"]);
  });

  test("learns of each change of a command once, while its own transactions commit, fail or change nothing", async () => {
    const fail = async (tx: Tx) => {
      await tx.updateTable("workspaces").set({ enabled: 0 }).execute();
      throw new Error("fails");
    };
    for (let index = 0; index < 30; index += 1) {
      await Promise.all([
        change(command, [`key_${index}`]),
        change(command, [`id_${index}`]),
        add(server, `ws_${index}`),
        faultOf(server.transaction(fail)),
      ]);
      await server.transaction(async () => undefined);
    }
    await until(() => told.flat().length >= 60);
    expect(told).not.toContain(undefined);
    expect(new Set(told.flat()).size).toBe(60);
  });

  test("learns that a command has changed something even if the command does not say what", async () => {
    await add(command, "ws_new");
    await until(() => told.length > 0);
    expect(told).toEqual([[]]);
  });

  test("is not told of a change if a command only empties the write-ahead log", async () => {
    await change(command, ["key_1"]);
    await until(() => told.length === 1 && logBytes(path) === 0);
    await twoPolls();
    await change(command, ["key_2"]);
    await close(command);
    expect(logBytes(path)).toBe(0);
    await twoPolls();
    expect(told).toEqual([["key_1"], ["key_2"]]);
  });

  test("assumes that anything may have changed if another program writes", async () => {
    const other = new Database(path, { readwrite: true, create: false });
    other.run(`create table "notes" ("text" text)`);
    other.close();
    await until(() => told.length > 0);
    expect(told).toEqual([undefined]);
  });

  test("finds only the changes of the latest commits, because the changes of older commits are deleted", async () => {
    const other = new Database(path, { readwrite: true, create: false });
    other.run(`insert into "changes" values (?, 'key_new')`, [keptChanges + 10]);
    other.run(`insert into "changes" values (10, 'key_old'), (12, 'key_kept')`);
    await change(command, []);
    const rows = other.query<{ id: number }, []>(`select "id" from "changes" order by "id"`).all();
    other.close();
    expect(rows.map(({ id }) => id)).toEqual([12, keptChanges + 10, keptChanges + 11]);
  });
});

/** No test awaits anything between its commits, so the server sees all of them at one poll. */
describe("of commits between two polls, a server on a file", () => {
  const opened: Database[] = [];
  let server: Changes;
  let serverWriter: Database;
  let otherProgram: Database;
  let command: Changes;
  let changes = 0;
  const rename = (writer: Database) => {
    changes += 1;
    writer.run(
      `insert into "workspaces" ("id", "name", "enabled", "createdAtMs") values ('ws_1', ?, 1, 0)
       on conflict do update set "name" = excluded."name"`,
      [`name ${changes}`],
    );
  };
  beforeEach(async () => {
    const path = newPath();
    await close(await open(path));
    const writers = [1, 2, 3].map(() => connect(path, pageCache.ofCommand)) as [Database, Database, Database];
    opened.push(...writers);
    [serverWriter, otherProgram] = writers;
    rename(serverWriter);
    server = watchChanges(serverWriter, path, ({ ids }) => told.push(ids));
    command = storeChanges(writers[2]);
  });
  afterEach(() => {
    server.stop();
    for (const writer of opened.splice(0)) writer.close();
  });

  /** Calls `commit`. Right after SQLite has committed, another program commits. */
  function overtaken(commit: () => void): void {
    const original = serverWriter.run;
    serverWriter.run = (...statement: Parameters<Database["run"]>) => {
      const result = original.apply(serverWriter, statement);
      rename(otherProgram);
      return result;
    };
    commit();
    serverWriter.run = original;
  }

  const steps = {
    command() {
      command.begin();
      void command.recordChanges(undefined as never, new Set(["key_1"]));
      command.commit();
    },
    own() {
      server.begin();
      rename(serverWriter);
      server.commit();
    },
    ownEmpty() {
      server.begin();
      server.commit();
    },
    /** Updates a row to the values that it has: SQLite counts a changed row, but commits nothing. */
    ownSame() {
      server.begin();
      expect(serverWriter.run(`update "workspaces" set "name" = "name"`).changes).toBe(1);
      server.commit();
    },
    /** Like `ownSame`, but another program commits before the server has counted its own commits. */
    ownSameOvertaken() {
      server.begin();
      serverWriter.run(`update "workspaces" set "name" = "name"`);
      overtaken(() => server.commit());
    },
    ownOvertaken() {
      server.begin();
      rename(serverWriter);
      overtaken(() => server.commit());
    },
    ownFailed() {
      server.begin();
      rename(serverWriter);
      serverWriter.run("rollback");
    },
    other: () => rename(otherProgram),
  };
  type Step = keyof typeof steps;
  const run = (order: readonly Step[]) => {
    for (const step of order) steps[step]();
  };

  const known: Step[][] = [
    ["command"],
    ["command", "own", "command"],
    ["command", "ownSame"],
    ["own", "command", "ownEmpty", "ownFailed", "ownEmpty", "own"],
  ];
  test.each(known.map((order) => [order.join(", "), order] as const))(
    "learns only what the command changed: %s",
    async (_name, order) => {
      run(order);
      await until(() => told.length > 0);
      expect(told).toEqual([order.filter((step) => step === "command").map(() => "key_1")]);
    },
  );

  const unknown: Step[][] = [
    ["command", "other"],
    ["other", "command"],
    ["command", "other", "own", "command"],
    ["command", "other", "ownEmpty"],
    ["ownSame", "other"],
    ["command", "ownSame", "other"],
    ["command", "ownFailed", "ownEmpty", "other"],
    ["ownSameOvertaken"],
    ["command", "ownSameOvertaken", "command"],
    ["ownOvertaken"],
  ];
  test.each(unknown.map((order) => [order.join(", "), order] as const))(
    "assumes that anything may have changed: %s",
    async (_name, order) => {
      run(order);
      await until(() => told.length > 0);
      expect(told).toEqual([undefined]);
      steps.command();
      await until(() => told.length > 1);
      expect(told[1]).toEqual(["key_1"]);
    },
  );

  test("assumes that anything may have changed if a command changes more than is stored", async () => {
    for (let commit = 0; commit <= keptChanges; commit += 1) steps.command();
    await until(() => told.length > 0);
    expect(told).toEqual([undefined]);
  });
});
