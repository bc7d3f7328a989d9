import { afterEach, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { startProxy, type TcpProxy } from "../../../test/proxy.ts";
import { freshWindow, openRedisNode, passes, type RedisNode, remaining } from "../../../test/redisNode.ts";
import { type RedisServer, startRedisServer } from "../../../test/redisServer.ts";
import { until } from "../../../test/until.ts";

const opened: { servers: RedisServer[]; proxies: TcpProxy[]; nodes: RedisNode[] } = {
  servers: [],
  proxies: [],
  nodes: [],
};
afterEach(async () => {
  for (const node of opened.nodes.splice(0)) await node.counters.close();
  for (const proxy of opened.proxies.splice(0)) await proxy.close();
  for (const server of opened.servers.splice(0)) await server.stop();
});

async function start(...settings: string[]): Promise<RedisServer> {
  const server = await startRedisServer(["repl-diskless-sync-delay 0", ...settings]);
  opened.servers.push(server);
  return server;
}

async function through(server: RedisServer): Promise<TcpProxy> {
  const proxy = await startProxy({ host: "127.0.0.1", port: server.port });
  opened.proxies.push(proxy);
  return proxy;
}

async function open(target: { port: number }): Promise<RedisNode> {
  const node = await openRedisNode(`redis://127.0.0.1:${target.port}`);
  opened.nodes.push(node);
  return node;
}

async function ask(server: RedisServer, command: string, ...args: string[]): Promise<unknown> {
  const client = new RedisClient(server.url);
  try {
    return await client.send(command, args);
  } finally {
    client.close();
  }
}

/** Breaks the nodes' connections to Redis, runs `between` while the nodes are cut off, and lets them connect again. */
async function interrupt(proxy: TcpProxy, nodes: readonly RedisNode[], between = async () => {}) {
  for (const node of nodes) node.backs.length = 0;
  proxy.cut();
  await until(() => nodes.every((node) => !node.counters.isUp()));
  await between();
  proxy.mend();
  await until(() => nodes.every((node) => node.backs.length > 0));
}

test("each process notices once that Redis was emptied, and a process that starts afterwards does not", async () => {
  const server = await start();
  const nodes = [await open(server), await open(server)];
  await ask(server, "FLUSHALL");
  await until(() => nodes.every((node) => node.losses() === 1));
  const late = await open(server);
  const proxy = await through(server);
  const other = await open(proxy);
  await interrupt(proxy, [other]);
  expect([...nodes, late, other].map((node) => node.losses())).toEqual([1, 1, 0, 0]);
}, 30_000);

test("a lost connection is not reported as a loss of counters", async () => {
  const proxy = await through(await start());
  const node = await open(proxy);
  for (let time = 0; time < 3; time += 1) await interrupt(proxy, [node]);
  expect(node.losses()).toBe(0);
}, 30_000);

test("a Redis that was killed and has read its data back is noticed, since it may have lost the latest writes", async () => {
  const server = await start("appendonly yes", "appendfsync always");
  const node = await open(server);
  const window = freshWindow();
  await passes(node.counters, window, 4);
  await server.kill();
  await until(() => !node.counters.isUp());
  await server.start();
  await until(() => node.backs.length === 1);
  expect(node.losses()).toBe(1);
  expect(await remaining(node.counters, window)).toBe(6);
}, 30_000);

test("a failover to a replica that lacks the latest writes is noticed, and what was granted meanwhile counts there", async () => {
  const primary = await start();
  const replication = await through(primary);
  const replica = await start(`replicaof 127.0.0.1 ${replication.port}`);
  await until(async () =>
    String(await ask(replica, "INFO", "replication")).includes("master_link_status:up"),
  );
  const proxy = await through(primary);
  const node = await open(proxy);
  const window = freshWindow();
  await passes(node.counters, window, 2);
  await until(async () => (await ask(replica, "DBSIZE")) === (await ask(primary, "DBSIZE")));
  replication.pause();
  await passes(node.counters, window, 3);
  await primary.kill();
  replication.cut();
  proxy.lead({ host: "127.0.0.1", port: replica.port });
  await until(() => node.downs.length === 1);
  expect(await passes(node.counters, window, 1)).toBe(1);
  let attempts = 0;
  proxy.onSent((data) => {
    if (data.includes("HELLO")) attempts += 1;
    return false;
  });
  await until(() => attempts === 3);
  expect(node.counters.isUp()).toBe(false); // Redis is a replica, and a replica accepts no writes
  await ask(replica, "REPLICAOF", "NO", "ONE");
  await until(() => node.backs.length === 1);
  expect(node.losses()).toBe(1);
  expect(await remaining(node.counters, window)).toBe(7);
}, 30_000);

test("a Redis that was a replica for a while is noticed, although it still has the marker that the processes know", async () => {
  const first = await start();
  const node = await open(first);
  const second = await start(`replicaof 127.0.0.1 ${first.port}`);
  const follows = async (server: RedisServer) =>
    String(await ask(server, "INFO", "replication")).includes("master_link_status:up");
  await until(() => follows(second));
  await ask(second, "REPLICAOF", "NO", "ONE");
  await ask(first, "REPLICAOF", "127.0.0.1", String(second.port));
  await until(() => follows(first));
  await until(() => !node.counters.isUp());
  await ask(first, "REPLICAOF", "NO", "ONE");
  await until(() => node.backs.length === 1);
  expect(node.losses()).toBe(1);
}, 30_000);

test("a failover while no process runs is noticed by the first process that starts afterwards", async () => {
  const primary = await start();
  await openRedisNode(primary.url).then((node) => node.counters.close());
  const replica = await start(`replicaof 127.0.0.1 ${primary.port}`);
  await until(async () => (await ask(replica, "GET", "latchkey:marker")) !== null);
  await primary.kill();
  await ask(replica, "REPLICAOF", "NO", "ONE");
  const nodes = [await open(replica), await open(replica)];
  expect(nodes.map((node) => node.losses())).toEqual([1, 0]);
}, 30_000);
