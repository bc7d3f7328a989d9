import { expect, test } from "bun:test";
import { SQL } from "bun";
import { sharedCluster } from "../services.ts";
import { type Node, newRootKey, startNode } from "./node.ts";

const count = 5;
const cluster = await sharedCluster();

const rowsOf = async (url: string) => {
  const sql = new SQL(url, { max: 1 });
  const [row] = await sql.unsafe(
    `select (select count(*)::int4 from "workspaces") as "workspaces", (select count(*)::int4 from "rootKeys") as "rootKeys",
      (select count(*)::int4 from "migrations") as "migrations", (select count(distinct "name")::int4 from "migrations") as "names"`,
  );
  await sql.close();
  return row;
};

const stop = (nodes: readonly Node[]) => Promise.all(nodes.map((node) => node.kill()));

test("nodes that start at the same time on an empty database create one workspace and one root key, which all of them accept", async () => {
  const databaseUrl = await cluster.makeBare();
  const rootKey = newRootKey();
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode({ databaseUrl, rootKey })));
  const replies = await Promise.all(nodes.map((node) => node.call("identities.listIdentities", {})));
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => 200));
  const rows = await rowsOf(databaseUrl);
  expect(rows).toMatchObject({ workspaces: 1, rootKeys: 1 });
  expect(rows.migrations).toBe(rows.names);
  await stop(nodes);
  await cluster.drop(databaseUrl);
}, 60_000);

test("of several nodes without a configured root key, one creates it and shows it", async () => {
  const databaseUrl = await cluster.makeBare();
  const nodes = await Promise.all(
    Array.from({ length: count }, () => startNode({ databaseUrl, rootKey: "" })),
  );
  const shown = nodes.flatMap((node) => /Root key \(shown once\): (\S+)/.exec(node.output())?.[1] ?? []);
  expect(shown).toHaveLength(1);
  const headers = { Authorization: `Bearer ${shown[0]}`, "Content-Type": "application/json" };
  const replies = await Promise.all(
    nodes.map(({ url }) =>
      fetch(`${url}/v2/identities.listIdentities`, { method: "POST", headers, body: "{}" }),
    ),
  );
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => 200));
  expect(await rowsOf(databaseUrl)).toMatchObject({ workspaces: 1, rootKeys: 1 });
  await stop(nodes);
  await cluster.drop(databaseUrl);
}, 60_000);

test("a node does not start with another root key than the one in the database", async () => {
  const databaseUrl = await cluster.make();
  const first = await startNode({ databaseUrl, rootKey: newRootKey() });
  const refused = startNode({ databaseUrl, rootKey: newRootKey() });
  expect(await refused.catch((error: Error) => error.message)).toContain(
    "The root key in LATCHKEY_ROOT_KEY is not in this database",
  );
  await first.kill();
  await cluster.drop(databaseUrl);
}, 30_000);

test("a node does not start on PostgreSQL without Redis, and says what to set", async () => {
  const databaseUrl = "postgres://someone:secret-word@127.0.0.1:1/records";
  const refused = startNode({
    databaseUrl,
    rootKey: newRootKey(),
    environment: { ALLOW_LOCAL_COUNTERS: "" },
  });
  const message = await refused.catch((error: Error) => error.message);
  expect(message).toContain("Set REDIS_URL");
  expect(message).toContain("ALLOW_LOCAL_COUNTERS=true");
  expect(message).not.toContain("secret-word");
}, 30_000);
