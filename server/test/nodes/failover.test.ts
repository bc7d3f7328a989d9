import { afterAll, beforeAll, expect, test } from "bun:test";
import { startProxy, type TcpProxy } from "../proxy.ts";
import { until } from "../until.ts";
import { type Node, newRootKey, startNode } from "./node.ts";
import { type PostgresServer, type Standby, startPostgres, startStandby } from "./postgresServer.ts";

const connections = 8;
const writersPerNode = 12;
/** how many connections the nodes open to the standby before the test promotes it */
const probesSeen = 12;

/** counts the statements whose commit waits for the standby */
const commitsWaiting = `select count(*)::int4 as "count" from pg_stat_activity
  where application_name = 'latchkey' and wait_event = 'SyncRep'`;

/** A verification of this key always queries the database, since a missing record is never cached. */
const unknown = "no_such_key";

let primary: PostgresServer;
let standby: Standby;
let proxy: TcpProxy;
let nodes: Node[];

beforeAll(async () => {
  primary = await startPostgres();
  standby = await startStandby(primary);
  const through = new URL(primary.url);
  proxy = await startProxy({ host: through.hostname, port: Number(through.port) });
  through.port = String(proxy.port);
  const rootKey = newRootKey();
  const environment = { DATABASE_CONNECTIONS: String(connections) };
  const start = () => startNode({ databaseUrl: through.href, rootKey, environment });
  nodes = await Promise.all([start(), start()]);
}, 60_000);

afterAll(async () => {
  await Promise.all(nodes.map((one) => one.kill()));
  await proxy.close();
  await standby.stop();
  await primary.stop();
});

function node(index: number): Node {
  const one = nodes[index];
  if (one === undefined) throw new Error(`there is no node ${index}`);
  return one;
}

const data = async (operation: string, body: unknown) => (await node(0).call(operation, body)).body.data;
const verify = (at: Node, key: string) => at.call("keys.verifyKey", { key });

/** Starts callers that write through every node until they are stopped, and collects their responses. */
function writeOn(): { acknowledged: string[]; statuses: Set<number>; stop(): Promise<void> } {
  const acknowledged: string[] = [];
  const statuses = new Set<number>();
  let over = false;
  const write = async (at: Node, writer: string) => {
    for (let index = 0; !over; index += 1) {
      const externalId = `user_${writer}_${index}`;
      const { status } = await at.call("identities.createIdentity", { externalId });
      statuses.add(status);
      if (status === 200) acknowledged.push(externalId);
      else await Bun.sleep(10);
    }
  };
  const all = nodes.flatMap((at, of) =>
    Array.from({ length: writersPerNode }, (_, writer) => write(at, `${of}_${writer}`)),
  );
  return {
    acknowledged,
    statuses,
    async stop() {
      over = true;
      await Promise.all(all);
    },
  };
}

test("a write that only the primary has, and the standby has not received, is not acknowledged", async () => {
  standby.signal("SIGSTOP");
  const written = await node(0).call("identities.createIdentity", { externalId: "on_one_server_only" });
  expect([written.status, written.body.error.type]).toEqual([
    503,
    expect.stringContaining("outcome_unknown"),
  ]);
  standby.signal("SIGCONT");
  const externalId = "on_both_servers";
  await until(async () => (await node(0).call("identities.createIdentity", { externalId })).status === 200);
}, 60_000);

test("when a standby takes over, no acknowledged write is lost, every node recovers by itself without a stampede, and revocations reach all nodes", async () => {
  const { apiId } = await data("apis.createApi", { name: "payments" });
  const [cached, uncached, revoked] = await Promise.all(
    [1, 2, 3].map(() => data("keys.createKey", { apiId })),
  );
  for (const one of nodes) {
    for (const { key } of [cached, revoked]) expect((await verify(one, key)).body.data.code).toBe("VALID");
  }
  const writing = writeOn();
  await until(() => writing.acknowledged.length > 300);
  standby.signal("SIGSTOP");
  await until(async () => Number((await primary.ask(commitsWaiting))[0]?.["count"]) >= nodes.length);
  primary.kill();
  standby.signal("SIGCONT");
  const goneAt = performance.now();
  proxy.cut();
  proxy.lead({ host: "127.0.0.1", port: standby.port });
  proxy.mend();

  // the proxy now leads to the standby, which is not promoted yet: it responds, but accepts no writes
  for (const one of nodes) {
    await until(async () => (await verify(one, unknown)).status === 503);
    expect((await verify(one, cached.key)).body.data.code).toBe("VALID");
  }
  const before = standby.connections();
  await until(() => standby.connections() > before + probesSeen);
  for (const one of nodes) expect((await verify(one, unknown)).status).toBe(503);

  standby.run("pg_ctl", "promote", "-D", standby.folder, "-s", "-w");
  const promotedAt = performance.now();
  for (const one of nodes) {
    await until(async () => (await verify(one, uncached.key)).status === 200, 5_000);
    const externalId = `after_${one.pid}`;
    await until(
      async () => (await one.call("identities.createIdentity", { externalId })).status === 200,
      5_000,
    );
  }
  const back = performance.now();
  await data("keys.deleteKey", { keyId: revoked.keyId });
  await until(async () => (await verify(node(1), revoked.key)).body.data.code === "NOT_FOUND", 5_000);
  await writing.stop();

  // until the promotion, each node opens only one connection at a time, at least 150 ms apart; then it opens its pool
  const most = nodes.length * ((back - goneAt) / 150 + 3 * connections);
  console.info(
    `serves again ${Math.round(back - promotedAt)} ms after the promotion, ${Math.round(back - goneAt)} ms after the loss; ` +
      `${standby.connections()} connections, at most ${Math.round(most)}; ${writing.acknowledged.length} acknowledged writes`,
  );
  expect(standby.connections()).toBeLessThan(most);
  expect([...writing.statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
  const rows = await standby.ask(`select "externalId" from "identities"`);
  const stored = new Set(rows.map((row) => row["externalId"]));
  expect(writing.acknowledged.filter((externalId) => !stored.has(externalId))).toEqual([]);
}, 60_000);
