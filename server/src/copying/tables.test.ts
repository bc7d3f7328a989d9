import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { databaseAt } from "../../test/databaseAt.ts";
import { newFolder } from "../../test/program.ts";
import { sharedCluster } from "../../test/services.ts";
import { openBulk } from "../storage/engines/bulk.ts";
import { migrateStorage } from "../storage/open.ts";
import { copiedTables, notCopied } from "./tables.ts";

test("every table of every engine is copied, or is listed in `notCopied` with the reason", async () => {
  const folder = newFolder();
  const cluster = await sharedCluster();
  const postgres = await cluster.make();
  const listed = [...copiedTables, ...Object.keys(notCopied)];
  const found = new Set<string>();
  for (const url of [`file:${join(folder, "latchkey.db")}`, postgres]) {
    await migrateStorage(databaseAt(url));
    const db = await openBulk(databaseAt(url));
    for (const name of await db.tables()) found.add(name);
    await db.close();
  }
  expect([...found].sort()).toEqual(listed.toSorted());
  await cluster.drop(postgres);
  rmSync(folder, { recursive: true });
});
