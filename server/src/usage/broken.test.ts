import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTest } from "../../test/harness.ts";
import { newFolder } from "../../test/program.ts";
import { makeWorkspace } from "../../test/workspace.ts";

const spoiled = [
  ["damaged", (path: string) => writeFileSync(path, "x".repeat(100_000))],
  [
    "of a newer version",
    (path: string) => {
      const database = new Database(path, { create: true });
      database.run(`create table "migrations" ("name" text primary key)`);
      database.run(`insert into "migrations" values ('9999_from_the_future')`);
      database.close();
    },
  ],
] as const;

test.each(spoiled)(
  "if the usage database is %s, verifications still work, and only queries for usage fail",
  async (_, spoil) => {
    const path = join(newFolder(), "latchkey.db");
    const server = await startTest({ engine: { name: "spoiled", url: () => `file:${path}` } });
    spoil(`${path}-usage`); // the server opens this file only after it has recorded something
    const space = await makeWorkspace(server);
    const { apiId } = await space.data("apis.createApi", { name: "payments" });
    const { keyId, key } = await space.data("keys.createKey", { apiId });
    for (let call = 0; call < 50; call += 1) {
      expect((await space.data("keys.verifyKey", { key })).code).toBe("VALID");
      if (call % 10 === 0) {
        expect((await space.call("analytics.getUsage", { keyId })).status).toBe(503);
        expect((await space.call("analytics.listEvents", { keyId })).status).toBe(503);
      }
    }
    await server.stop();
  },
);
