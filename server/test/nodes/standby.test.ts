/**
 * Tests nodes whose database address leads to a standby, before and after the standby is promoted. The address is that
 * of a proxy, which a test can lead from the primary to the standby.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startProxy, type TcpProxy } from "../proxy.ts";
import { until } from "../until.ts";
import { type Node, newRootKey, startNode } from "./node.ts";
import { type PostgresServer, type Standby, startPostgres, startStandby } from "./postgresServer.ts";

let primary: PostgresServer;
let standby: Standby;
let proxy: TcpProxy;
let nodes: Node[];
let apiId: string;

beforeAll(async () => {
  primary = await startPostgres();
  const { hostname, port } = new URL(primary.url);
  proxy = await startProxy({ host: hostname, port: Number(port) });
  const through = new URL(primary.url);
  through.port = String(proxy.port);
  const rootKey = newRootKey();
  const start = () => startNode({ databaseUrl: through.href, rootKey });
  nodes = await Promise.all([start(), start()]);
  ({ apiId } = await data("apis.createApi", { name: "payments" }));
  standby = await startStandby(primary);
  await primary.ask("alter system set synchronous_standby_names = ''", "select pg_reload_conf()");
  // starting the standby may have kept the disk so busy that calls fail for a moment
  const isServed = async (node: Node) => (await node.call("identities.listIdentities", {})).status === 200;
  await until(async () => (await Promise.all(nodes.map(isServed))).every(Boolean));
}, 60_000);

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.kill()));
  await proxy.close();
  await standby.stop();
  await primary.stop();
});

async function data(operation: string, body: unknown) {
  const reply = await nodes[0]?.call(operation, body);
  if (reply?.status !== 200) throw new Error(`${operation} returned ${reply?.status}: ${reply?.text}`);
  return reply.body.data;
}

/** Returns the code of each node's verdict on the key, or the status if there is no verdict. */
const verdicts = (key: string) =>
  Promise.all(
    nodes.map(async (node) => {
      const { status, body } = await node.call("keys.verifyKey", { key });
      return status === 200 ? (body.data.code as string) : status;
    }),
  );
const everywhere = <T>(verdict: T) => nodes.map(() => verdict);
const allSay = async (key: string, verdict: string | number) =>
  (await verdicts(key)).every((one) => one === verdict);

function leadTo({ url }: PostgresServer): void {
  proxy.lead({ host: "127.0.0.1", port: Number(new URL(url).port) });
  proxy.cut();
  proxy.mend();
}

test("a node never reads from a standby, and calls that need uncached rows are 503", async () => {
  const { key } = await data("keys.createKey", { apiId });
  const made = await Promise.all(Array.from({ length: 20 }, () => data("keys.createKey", { apiId })));
  const uncached = made.map((one) => one.key as string);
  expect(await verdicts(key)).toEqual(everywhere("VALID"));
  leadTo(standby);
  for (const one of uncached) expect(await verdicts(one)).toEqual(everywhere(503));
  expect(await verdicts(key)).toEqual(everywhere("VALID"));
  expect((await nodes[0]?.call("identities.createIdentity", { externalId: "nobody" }))?.status).toBe(503);
  leadTo(primary);
  await until(() => allSay(uncached[0] ?? "", "VALID"));
}, 30_000);

test("while a primary accepts no writes, they are 503, and reads succeed, on new connections too", async () => {
  const { key } = await data("keys.createKey", { apiId });
  const set = (value: string) => [
    "set default_transaction_read_only = off",
    `alter system set default_transaction_read_only = ${value}`,
    "select pg_reload_conf()",
  ];
  const write = async () =>
    (await nodes[0]?.call("identities.createIdentity", { externalId: `user_${crypto.randomUUID()}` }))
      ?.status;
  await primary.ask(...set("on"));
  await until(async () => (await write()) === 503);
  leadTo(primary);
  await until(() => allSay(key, "VALID"));
  expect(await write()).toBe(503);
  await primary.ask(...set("off"));
  await until(async () => (await write()) === 200);
}, 30_000);

test("when an asynchronous standby takes over, nodes drop what it had not received, and see later changes", async () => {
  const disabled = await data("keys.createKey", { apiId });
  const revoked = await data("keys.createKey", { apiId });
  expect(await verdicts(disabled.key)).toEqual(everywhere("VALID"));
  const received = () => standby.ask(`select 1 from "keys" where "id" = '${revoked.keyId}'`);
  await until(async () => (await received()).length > 0);
  await standby.ask("alter system set primary_conninfo = ''", "select pg_reload_conf()");
  await until(async () => (await primary.ask("select 1 from pg_stat_replication")).length === 0);

  await data("keys.updateKey", { keyId: disabled.keyId, enabled: false });
  const lost = await data("keys.createKey", { apiId });
  await until(() => allSay(disabled.key, "DISABLED"));
  expect(await verdicts(lost.key)).toEqual(everywhere("VALID"));
  // The nodes see these transaction ids, but the standby never receives them. When it is promoted, it gives the same
  // ids to other transactions.
  await primary.ask(...Array.from({ length: 500 }, () => "select pg_current_xact_id()"));

  primary.kill();
  standby.run("pg_ctl", "promote", "-D", standby.folder, "-s", "-w");
  leadTo(standby);
  await until(() => allSay(lost.key, "NOT_FOUND"));
  expect(await verdicts(disabled.key)).toEqual(everywhere("VALID"));
  expect(await verdicts(revoked.key)).toEqual(everywhere("VALID"));
  await data("keys.deleteKey", { keyId: revoked.keyId });
  await until(() => allSay(revoked.key, "NOT_FOUND"), 5_000);
}, 30_000);
