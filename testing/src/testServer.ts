import { type RunningServer, startServer } from "../../server/src/compose.ts";
import { readConfig } from "../../server/src/config/read.ts";
import { closest } from "../../server/src/domain/closest.ts";
import { rootKeySecret } from "../../server/src/domain/secrets.ts";
import type { UsageEvent } from "../../server/src/domain/usage.ts";
import { operations } from "../../server/src/operations/index.ts";
import { randomBytes } from "../../server/src/runtime.ts";
import { type Faults, makeFaults } from "./faults.ts";
import type { Order, TestEvent } from "./orders.ts";

export type TestServer = { url: string; rootKey: string; follow(order: Order): Promise<unknown> };

/** A clock that stands still until an order moves it. */
type Clock = {
  nowMs: number;
  /** by how much orders have set the clock back, in total */
  setBackMs: number;
};

/** The server with its database in memory. A reset starts another server. */
type Engine = { server: RunningServer; clock: Clock; events: TestEvent[] };

/** Starts a server on a free port of this machine. A reset changes neither the port nor the root key. */
export async function startTestServer(): Promise<TestServer> {
  const rootKey = rootKeySecret(randomBytes(24));
  const faults = makeFaults();
  let engine: Engine | undefined;
  const listener = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    idleTimeout: 255,
    async fetch(request, socket) {
      await nextTurns(); // so that orders that the test sent before this request are nearly always carried out first
      const { server, clock } = started(engine);
      const response = faults.responseTo(request) ?? (await server.fetch(request, socket));
      response.headers.set("Date", new Date(clock.nowMs).toUTCString()); // clients compute Retry-After from it
      return response;
    },
  });
  const url = `http://127.0.0.1:${listener.port}`;
  engine = await startEngine(url, rootKey, Date.now());
  return {
    url,
    rootKey,
    async follow(order) {
      if (order.kind !== "reset") return followIn(started(engine), faults, order);
      const { server } = started(engine);
      engine = await startEngine(url, rootKey, order.nowMs);
      faults.clear();
      await server.stop();
      return undefined;
    },
  };
}

function started(engine: Engine | undefined): Engine {
  if (engine === undefined) throw new Error("The test server has not started yet.");
  return engine;
}

async function startEngine(url: string, rootKey: string, nowMs: number): Promise<Engine> {
  const clock = { nowMs, setBackMs: 0 };
  const settings = { DATABASE_URL: ":memory:", CONSOLE: "off", PUBLIC_URL: url, LATCHKEY_ROOT_KEY: rootKey };
  const server = await startServer(readConfig(settings), {
    nowMs: () => clock.nowMs,
    monotonicMs: () => clock.nowMs + clock.setBackMs,
    log: () => undefined,
    keepRootKey: () => undefined,
    embedded: true,
  });
  const events: TestEvent[] = [];
  const { usage } = server.services;
  const { record } = usage;
  usage.record = (event) => {
    events.push(eventOf(event));
    record(event);
  };
  return { server, clock, events };
}

function followIn(
  { clock, events }: Engine,
  faults: Faults,
  order: Exclude<Order, { kind: "reset" }>,
): unknown {
  switch (order.kind) {
    case "set":
      clock.setBackMs += Math.max(0, clock.nowMs - order.toMs);
      clock.nowMs = order.toMs;
      return undefined;
    case "fail":
      requireOperation(order.operation);
      faults.add(order.operation, order.fault);
      return undefined;
    case "events":
      return events;
  }
}

const operationNames: readonly string[] = operations.map(({ name }) => name);

function requireOperation(name: string): void {
  if (operationNames.includes(name)) return;
  const near = closest(name, operationNames);
  const hint = near === undefined ? "Use a name such as keys.verifyKey." : `Did you mean ${near}?`;
  throw new Error(`${JSON.stringify(name)} is not an operation. ${hint}`);
}

function eventOf(event: UsageEvent): TestEvent {
  const { atMs, requestId, outcome, keyId, identityId, apiId, namespaceId, credits, tags } = event;
  return {
    time: atMs,
    requestId,
    outcome,
    ...(keyId === undefined ? {} : { keyId }),
    ...(identityId === undefined ? {} : { identityId }),
    ...(apiId === undefined ? {} : { apiId }),
    ...(namespaceId === undefined ? {} : { namespaceId }),
    credits,
    tags,
  };
}

/** Waits a few turns of the event loop. Meanwhile stdin delivers orders that have arrived but were not handled yet. */
async function nextTurns(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
