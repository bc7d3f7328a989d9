import { afterAll, beforeAll, expect, test } from "bun:test";
import { SQL } from "bun";
import { postgres } from "../harness.ts";
import { type Node, newRootKey, startNode } from "./node.ts";

/** The number of kills. The environment variable `TEST_KILLS` sets another one. */
const kills = Number(process.env["TEST_KILLS"] ?? 8);
const writers = 16;

let databaseUrl: string;
beforeAll(async () => {
  databaseUrl = await postgres.url("");
});
afterAll(async () => {
  await postgres.drop?.(databaseUrl);
});

test(
  "kill -9 of nodes under load loses no acknowledged write, and leaves no write without its audit event",
  async () => {
    const rootKey = newRootKey();
    const acknowledged: string[] = [];
    let node: Node = await startNode({ databaseUrl, rootKey });
    let over = false;
    const write = async (writer: number) => {
      for (let index = 0; !over; index += 1) {
        const externalId = `user_${writer}_${index}`;
        const { status } = await node.call("identities.createIdentity", { externalId });
        if (status === 200) acknowledged.push(externalId);
        else await Bun.sleep(20);
      }
    };
    const writing = Array.from({ length: writers }, (_, writer) => write(writer));
    for (let killed = 0; killed < kills; killed += 1) {
      const enough = acknowledged.length + 100 + Math.random() * 200;
      while (acknowledged.length < enough) await Bun.sleep(1);
      const next = startNode({ databaseUrl, rootKey });
      await node.kill();
      node = await next;
    }
    over = true;
    await Promise.all(writing);
    await node.kill();

    const sql = new SQL(databaseUrl, { max: 1 });
    const stored = await sql.unsafe(`select "id", "externalId" from "identities"`);
    const traced = await sql.unsafe(`select "targetId" from "auditEvents" where "event" = 'identity.create'`);
    await sql.close();
    const present = new Set(stored.map((row: { externalId: string }) => row.externalId));
    expect(acknowledged.filter((externalId) => !present.has(externalId))).toEqual([]);
    const ids = (rows: Record<string, string>[], column: string) => new Set(rows.map((row) => row[column]));
    expect(ids(traced, "targetId")).toEqual(ids(stored, "id"));
    console.info(`${kills} kills, ${acknowledged.length} acknowledged writes, ${stored.length} stored`);
  },
  60_000 + kills * 5_000,
);
