/**
 * `bun bench/slowClients.ts`: opens 5,000 connections of clients that send slowly. Measures how much they slow down
 * other clients, and after what time the server disconnects them.
 */
import type { Socket } from "bun";
import { type Load, type Measured, startGenerator } from "./load.ts";
import { type Product, startProduct } from "./servers.ts";
import { median } from "./statistics.ts";

const slowClients = 5_000;
const rounds = 5;
/**
 * Clients that send something each second are divided into this many groups, which send at different times of
 * the second.
 */
const slots = 50;
const pace = { warmUpMs: 1_000, measuredMs: 4_000 };
const verifications = { connections: 64, perSecond: 2_000 };

type Way = { name: string; allowedMs: number; begin(head: string): string; each?: string };

const sized = (length: number) => `Content-Length: ${length}\r\n\r\n`;
/** The ways in which clients are slow, and after how many ms the server must have disconnected them. */
const ways: readonly Way[] = [
  { name: "say nothing", allowedMs: 13_000, begin: () => "" },
  { name: "send one header per second", allowedMs: 13_000, begin: (head) => head, each: "X-A: b\r\n" },
  { name: "stop in a small body", allowedMs: 10_000, begin: (head) => `${head}${sized(100)}{` },
  { name: "stop in a large body", allowedMs: 10_000, begin: (head) => `${head}${sized(500_000)}{` },
  { name: "trickle a large body", allowedMs: 10_000, begin: (head) => `${head}${sized(500_000)}`, each: " " },
];

/**
 * Two crowds of slow clients. `again`: disconnected clients reconnect. `pauseMs`: the wait after every five new
 * connections.
 */
const crowds: readonly [name: string, again: boolean, pauseMs: number][] = [
  ["stay connected", false, 0],
  ["are closed and reconnect", true, 8],
];

type Slow = { way: Way; number: number; openedAtMs: number };

const product = await startProduct();
const generator = startGenerator();
try {
  await measureAll();
} finally {
  generator.stop();
  await product.stop();
}

async function measureAll(): Promise<void> {
  const { apiId } = await product.call<{ apiId: string }>("apis.createApi", { name: "slow" });
  const { key } = await product.call<{ key: string }>("keys.createKey", { apiId });
  const { port, pid, rootKey } = product;
  const load: Load = {
    ...verifications,
    ...pace,
    port,
    pid,
    rootKey,
    path: "/v2/keys.verifyKey",
    bodies: [JSON.stringify({ key })],
    expected: '"code":"VALID"',
    firstNumber: 0,
  };
  const ratios: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round += 1) {
    const alone = await generator.run(load);
    console.log(figures("alone", alone));
    for (const [name, again, paused] of crowds) {
      const crowd = await openCrowd(product, again, paused);
      const beside = await generator.run(load);
      console.log(figures(`with ${crowd.open()} slow clients that ${name}`, beside));
      await crowd.leave();
      ratios[name] = [...(ratios[name] ?? []), beside.p99Ms / alone.p99Ms];
    }
  }
  for (const [name, values] of Object.entries(ratios)) {
    console.log(
      `p99 with slow clients that ${name}: ${median(values).toFixed(2)} of p99 alone (median of ${rounds} rounds)`,
    );
  }
  await measureClosing();
}

function figures(name: string, { p50Ms, p99Ms, serverBusy }: Measured): string {
  return `${name}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, thread ${Math.round(serverBusy * 100)} % busy`;
}

/** Waits until the server has closed every slow connection, and prints how long it took for each way of being slow. */
async function measureClosing(): Promise<void> {
  const crowd = await openCrowd(product, false, 0);
  const giveUpAtMs = performance.now() + 30_000;
  while (crowd.open() > 0 && performance.now() < giveUpAtMs) await Bun.sleep(50);
  for (const { name, allowedMs } of ways) {
    console.log(
      `clients that ${name} are closed within ${Math.round(crowd.longest(name))} ms (allowed: ${allowedMs})`,
    );
  }
  console.log(`${crowd.open()} of ${slowClients} are still open`);
  await crowd.leave();
}

/** Opens all slow connections, equally many for each of the ways. With `again`, a disconnected client reconnects. */
async function openCrowd({ port, rootKey }: Product, again: boolean, pauseMs: number) {
  const head = [
    "POST /v2/identities.createIdentity HTTP/1.1",
    "Host: localhost",
    `Authorization: Bearer ${rootKey}`,
    "Content-Type: application/json\r\n",
  ].join("\r\n");
  const sockets = new Set<Socket<Slow>>();
  const longest = new Map<string, number>();
  let over = false;
  let opened = 0;

  async function open(way: Way): Promise<void> {
    await Bun.connect<Slow>({
      hostname: "127.0.0.1",
      port,
      socket: {
        open(socket) {
          opened += 1;
          socket.data = { way, number: opened, openedAtMs: performance.now() };
          sockets.add(socket);
          socket.write(way.begin(head));
        },
        data: () => undefined,
        error: () => undefined,
        close(socket) {
          sockets.delete(socket);
          if (over) return;
          const tookMs = performance.now() - socket.data.openedAtMs;
          longest.set(way.name, Math.max(tookMs, longest.get(way.name) ?? 0));
          if (again) void open(way).catch(() => undefined);
        },
      },
    });
  }

  for (let count = 0; count < slowClients; count += ways.length) {
    await Promise.all(ways.map(open));
    if (pauseMs > 0) await Bun.sleep(pauseMs);
  }
  let slot = 0;
  const timer = setInterval(() => {
    slot = (slot + 1) % slots;
    for (const socket of sockets) {
      const { way, number } = socket.data;
      if (way.each !== undefined && number % slots === slot) socket.write(way.each);
    }
  }, 1_000 / slots);
  return {
    open: () => sockets.size,
    longest: (name: string) => longest.get(name) ?? 0,
    async leave() {
      over = true;
      clearInterval(timer);
      for (const socket of sockets) socket.terminate();
      await Bun.sleep(500);
    },
  };
}
