/**
 * Tests HAProxy with the shipped deploy/haproxy.cfg (only its addresses are replaced), in front of three nodes on
 * PostgreSQL and Redis.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Node, newRootKey, startNode } from "../nodes/node.ts";
import { killIfAlive } from "../processes.ts";
import { callServer, freePort } from "../program.ts";
import { type Services, startServices } from "../services.ts";
import { until } from "../until.ts";
import { readText } from "./dockerfile.ts";

const count = 3;
const callers = 24;
const rootKey = newRootKey();
const folder = mkdtempSync(join(tmpdir(), "latchkey-balancer-"));

let services: Services;
let nodes: Node[] = [];
let balancer: { url: string; output(): string; stop(): Promise<void> };
let ports: number[] = [];
let key = "";

beforeAll(async () => {
  const { TEST_DATABASE_URL: _, TEST_REDIS_URL: __, ...environment } = process.env;
  services = await startServices("postgres redis", environment);
  ports = await Promise.all(Array.from({ length: count }, freePort));
  nodes = await Promise.all(ports.map(startNodeAt));
  balancer = await startBalancer();
  const data = async (operation: string, body: object) =>
    (await callServer(balancer.url, rootKey, operation, body)).body.data;
  const { apiId } = await data("apis.createApi", { name: "payments" });
  ({ key } = await data("keys.createKey", { apiId }));
}, 60_000);

afterAll(async () => {
  await balancer?.stop();
  await Promise.all(nodes.map((node) => node.kill()));
  await services.stop();
  rmSync(folder, { recursive: true, force: true });
});

function startNodeAt(port: number): Promise<Node> {
  const { TEST_DATABASE_URL: databaseUrl = "", TEST_REDIS_URL: REDIS_URL = "" } = services.environment;
  const settings = { PORT: String(port), REDIS_URL, ALLOW_LOCAL_COUNTERS: "", TRUSTED_PROXIES: "127.0.0.1" };
  return startNode({ databaseUrl, rootKey, environment: settings });
}

async function startBalancer() {
  const port = await freePort();
  const shipped = readText(join(import.meta.dir, "../../../deploy/haproxy.cfg"));
  const here = ports.reduce(
    (text, nodePort, index) => text.replaceAll(`node${index + 1}:7070`, `127.0.0.1:${nodePort}`),
    shipped.replace("bind :8080", `bind 127.0.0.1:${port}`),
  );
  const path = join(folder, "haproxy.cfg");
  writeFileSync(path, here);
  // Debian installs it in a folder that is not in PATH, except for root
  const program = Bun.which("haproxy") ?? "/usr/sbin/haproxy";
  const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", program, "-db", "-f", path], {
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) output += new TextDecoder().decode(chunk);
  };
  void listen(child.stdout);
  void listen(child.stderr);
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok);
  return {
    url,
    output: () => output,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

const verify = () => callServer(balancer.url, rootKey, "keys.verifyKey", { key });

/** Starts callers that send requests until `end` is called. `end` returns how often each outcome occurred. */
function load() {
  const seen = new Map<string, number>();
  let ending = false;
  const work = Array.from({ length: callers }, async () => {
    while (!ending) {
      const outcome = await verify().then(
        ({ status, body }) => `${status} ${body.data?.code ?? JSON.stringify(body)}`,
        (error: Error) => error.message,
      );
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      await Bun.sleep(2); // leaves processor time for the nodes
    }
  });
  return {
    async end() {
      ending = true;
      await Promise.all(work);
      return seen;
    },
  };
}

/** Returns how many verifications the node has served. */
const served = (node: Node) =>
  node.metric(
    'http_server_request_duration_seconds_count{http_request_method="POST",http_route="/v2/keys.verifyKey",http_response_status_code="200",url_scheme="http"}',
  );

/** Waits until the balancer sends the node no more requests. A node that is stopping still serves until then. */
const untilRemoved = (node: Node) =>
  until(async () => {
    const before = await served(node);
    await Bun.sleep(300);
    return (await served(node)) === before;
  });

test("nodes are stopped and started one by one under load, and no request fails", async () => {
  const { end } = load();
  for (const index of [0, 1]) {
    // two of the three nodes are enough for this test
    const node = nodes[index] as Node;
    await until(async () => (await served(node)) > 100);
    node.signal("SIGTERM");
    await untilRemoved(node);
    expect(await node.ended).toBe(0);
    nodes[index] = await startNodeAt(ports[index] as number);
    await until(async () => (await served(nodes[index] as Node)) > 0);
  }
  const seen = await end();
  console.info([...seen].map(([outcome, times]) => `${times} × ${outcome}`).join(", "));
  expect([...seen.keys()]).toEqual(["200 VALID"]);
}, 120_000);

test("a killed node gets no more requests, and each caller sees at most one failure", async () => {
  const { end } = load();
  await until(async () => (await served(nodes[0] as Node)) > 100);
  await (nodes[0] as Node).kill();
  const before = await Promise.all(nodes.slice(1).map(served));
  await until(async () => (await served(nodes[1] as Node)) > (before[0] ?? 0) + 500);
  const seen = await end();
  const failed = [...seen].filter(([outcome]) => outcome !== "200 VALID");
  expect(failed.reduce((sum, [, times]) => sum + times, 0)).toBeLessThanOrEqual(callers);
  nodes[0] = await startNodeAt(ports[0] as number);
}, 60_000);

test("while PostgreSQL hangs and no node is ready, keys that are cached are verified through the balancer", async () => {
  for (const node of nodes) expect((await node.call("keys.verifyKey", { key })).status).toBe(200);
  const data = services.environment["TEST_POSTGRES_DATA"] ?? "";
  const [postmaster = ""] = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
  const children = Bun.spawnSync(["pgrep", "-P", postmaster]).stdout.toString().trim().split("\n");
  const all = [postmaster, ...children].map(Number);
  const signal = (name: NodeJS.Signals) => {
    for (const pid of all) killIfAlive(pid, name);
  };
  signal("SIGSTOP");
  try {
    const readiness = await until(async () => {
      const states = await Promise.all(
        nodes.map(async ({ url }) => (await fetch(`${url}/health/ready`)).status),
      );
      return states.every((status) => status === 503) && states;
    });
    expect(readiness).toEqual([503, 503, 503]);
    const isNoticed = () => balancer.output().includes("backend ready has no server available");
    let afterwards = 0;
    while (afterwards < 20) {
      if (isNoticed()) afterwards += 1;
      expect((await verify()).status).toBe(200);
      await Bun.sleep(50);
    }
    expect((await fetch(`${balancer.url}/health/ready`)).status).toBe(503);
  } finally {
    signal("SIGCONT");
  }
  await until(async () => (await fetch(`${balancer.url}/health/ready`)).status === 200);
}, 60_000);
