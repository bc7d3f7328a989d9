import { afterEach } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../src/storage/engine.ts";
import { openSqlite } from "../src/storage/engines/sqlite.ts";
import { insertWorkspace, listWorkspaces } from "../src/storage/queries/workspaces.ts";
import { newFolder } from "./program.ts";

/** Returns functions that open and close SQLite files without a server. Those still open are closed after each test. */
export function testSqlite() {
  const opened: Engine[] = [];
  afterEach(async () => {
    for (const engine of opened.splice(0)) await engine.close();
  });
  return {
    async open(path: string, options = { serving: true }, limits?: Parameters<typeof openSqlite>[2]) {
      const engine = await openSqlite(path, options, limits);
      opened.push(engine);
      return engine;
    },
    async close(engine: Engine): Promise<void> {
      opened.splice(opened.indexOf(engine), 1);
      await engine.close();
    },
  };
}

export const newPath = () => join(newFolder(), "latchkey.db");
export const add = (engine: Engine, id: string, name = id) =>
  engine.transaction((tx) => insertWorkspace(tx, { id, name, nowMs: 0 }));
export const idsOf = async (engine: Engine) => (await listWorkspaces(engine.db)).map((row) => row.id);
export const logBytes = (path: string) => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
export const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (fault: unknown) => fault,
  );
