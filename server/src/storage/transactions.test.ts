import { describe, expect, test } from "bun:test";
import { engines } from "../../test/harness.ts";
import { testServer } from "../../test/setUp.ts";
import { insertWorkspace, listWorkspaces } from "./queries/workspaces.ts";

describe.each(engines)("on $name,", (database) => {
  const server = testServer({ engine: database });
  const row = (id: string) => ({ id, name: id, nowMs: 0 });

  test("a statement that a transaction starts after it has failed is refused, and not committed with the next transaction", async () => {
    const { engine } = server.services;
    const isLate = Promise.withResolvers<void>();
    let late: Promise<unknown> | undefined;
    const failing = engine.transaction(async (tx) => {
      late = isLate.promise.then(() => insertWorkspace(tx, row("ws_late"))).catch((error: Error) => error);
      await Promise.all([late, Promise.reject(new Error("changed its mind"))]);
    });
    expect(await failing.catch((error: Error) => error.message)).toBe("changed its mind");
    await engine.transaction(async (tx) => {
      await insertWorkspace(tx, row("ws_next"));
      isLate.resolve();
      expect(await late).toEqual(new Error("The transaction has ended."));
    });
    const ids = (await listWorkspaces(engine.db)).map(({ id }) => id);
    expect(ids).toContain("ws_next");
    expect(ids).not.toContain("ws_late");
  });
});
