/** The load generator's process: it sends prepared requests over raw sockets, and checks every response. */
import { readFileSync } from "node:fs";
import type { Socket } from "bun";
import { type GeneratorReply, type Load, type Measured, numberMark } from "./load.ts";

type Connection = {
  socket: Socket<Connection>;
  /** the part of a response that has arrived so far */
  partial: string;
  /** when the request was sent or, at a steady pace, was due; undefined if the connection is idle */
  sinceMs: number | undefined;
};

/** The state of a load that is being generated. */
type Run = {
  load: Load;
  nextRequest(): Buffer;
  /** at a steady pace: for each request that waits for an idle connection, when it was due */
  overdueMs: number[];
  latenciesMs: number[];
  responses: number;
  refusals: number;
  stopped: boolean;
  fail(why: string): void;
};

process.on("message", (load: Load) => {
  void replyTo(load).then((reply) => process.send?.(reply));
});

async function replyTo(load: Load): Promise<GeneratorReply> {
  try {
    return { measured: await generate(load) };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

async function generate(load: Load): Promise<Measured> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined); // without a handler, a failure while nothing awaits `failed` would end the process
  const run: Run = {
    load,
    nextRequest: requestMaker(load),
    overdueMs: [],
    latenciesMs: [],
    responses: 0,
    refusals: 0,
    stopped: false,
    fail: (why) => reject(new Error(why)),
  };
  const pause = (durationMs: number) => Promise.race([failed, Bun.sleep(durationMs)]);
  const ports = [load.port, ...(load.alsoPorts ?? [])];
  const connections = await Promise.all(
    Array.from({ length: load.connections }, (_, index) => connect(run, ports[index % ports.length] ?? 0)),
  );
  const pace = load.perSecond === undefined ? undefined : startPace(run, load.perSecond, connections);
  if (pace === undefined) {
    for (const connection of connections) send(run, connection, performance.now());
    stayAwake(run);
  }

  await pause(load.warmUpMs);
  run.latenciesMs = [];
  run.refusals = 0;
  const before = clocks(load);
  await pause(load.measuredMs);
  const after = clocks(load);
  const measured = run.latenciesMs;
  const refusedPerSecond = (run.refusals * 1000) / (after.wallMs - before.wallMs);
  run.latenciesMs = [];
  run.stopped = true;
  clearInterval(pace);
  while (connections.some((one) => one.sinceMs !== undefined)) await pause(1);
  for (const { socket } of connections) socket.end();
  return { responses: run.responses, refusedPerSecond, ...summary(measured, before, after) };
}

/**
 * Keeps this process busy, so that it never sleeps. Otherwise, the server's thread would have to wake it to send a
 * response. On a virtual machine, waking a process takes as long as a verification, which would distort the comparison
 * of servers.
 */
function stayAwake(run: Run): void {
  if (!run.stopped) setImmediate(stayAwake, run);
}

function connect(run: Run, port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    void Bun.connect<Connection>({
      hostname: run.load.host ?? "127.0.0.1",
      port,
      socket: {
        open(socket) {
          socket.data = { socket, partial: "", sinceMs: undefined };
          resolve(socket.data);
        },
        data: (socket, bytes) => receive(run, socket.data, bytes.toString("latin1")),
        close() {
          if (!run.stopped) run.fail("The server closed a connection.");
        },
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}

function send(run: Run, connection: Connection, sinceMs: number): void {
  const request = run.nextRequest();
  connection.sinceMs = sinceMs;
  if (connection.socket.write(request) !== request.length)
    run.fail("A request did not fit into the socket's send buffer.");
}

function receive(run: Run, connection: Connection, text: string): void {
  const response = connection.partial + text;
  const isWhole = response.length >= responseLength(response);
  connection.partial = isWhole ? "" : response;
  if (isWhole) settle(run, connection, response);
}

function settle(run: Run, connection: Connection, response: string): void {
  const nowMs = performance.now();
  if (run.load.mayRefuse === true && isRefusal(response)) run.refusals += 1;
  else {
    if (!isRight(response, run.load.expected)) run.fail(response);
    run.latenciesMs.push(nowMs - (connection.sinceMs ?? nowMs));
    run.responses += 1;
  }
  connection.sinceMs = undefined;
  if (run.stopped) return;
  const sinceMs = run.load.perSecond === undefined ? nowMs : run.overdueMs.shift();
  if (sinceMs !== undefined) send(run, connection, sinceMs);
}

function isRight(response: string, expected: string): boolean {
  return (
    response.startsWith("HTTP/1.1 200 ") &&
    response.includes(expected) &&
    response.length === responseLength(response)
  );
}

function isRefusal(response: string): boolean {
  return response.startsWith("HTTP/1.1 429 ") && response.includes("/server_overloaded");
}

/** The length of a response, headers and body together; Infinity if its headers are not complete yet. */
function responseLength(response: string): number {
  const headEnd = response.indexOf("\r\n\r\n");
  if (headEnd === -1) return Infinity;
  const declared = /\r\ncontent-length: (\d+)/i.exec(response)?.[1];
  return headEnd + 4 + Number(declared);
}

/** Sends requests at a steady pace. If no connection is idle, a request waits, and its latency includes that wait. */
function startPace(run: Run, perSecond: number, connections: readonly Connection[]) {
  const startedAtMs = performance.now();
  let issued = 0;
  return setInterval(() => {
    const nowMs = performance.now();
    const due = Math.floor(((nowMs - startedAtMs) * perSecond) / 1000);
    const idle = connections.filter((one) => one.sinceMs === undefined);
    for (; issued < due; issued += 1) {
      const connection = idle.pop();
      if (connection === undefined) run.overdueMs.push(nowMs);
      else send(run, connection, nowMs);
    }
  }, 1);
}

/** Returns a function that creates the bytes of the next request. */
function requestMaker(load: Load): () => Buffer {
  const requests = load.bodies.map((body) => requestBytes(load, body));
  let number = load.firstNumber;
  let index = 0;
  return () => {
    const { bytes, numberAt } = requests[index] ?? { bytes: Buffer.alloc(0), numberAt: -1 };
    index = index + 1 === requests.length ? 0 : index + 1;
    if (numberAt === -1) return bytes;
    const numbered = Buffer.from(bytes);
    numbered.write(String(number).padStart(numberMark.length, "0"), numberAt, "latin1");
    number += 1;
    return numbered;
  };
}

function requestBytes(load: Load, body: string): { bytes: Buffer; numberAt: number } {
  const head = [
    `POST ${load.path} HTTP/1.1`,
    `Host: ${load.host ?? "127.0.0.1"}:${load.port}`,
    `Authorization: Bearer ${load.rootKey}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const bytes = Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
  return { bytes, numberAt: bytes.indexOf(numberMark) };
}

type Clocks = { wallMs: number; threadUs: number; processUs: number };

function clocks({ pid, alsoPids = [] }: Load): Clocks {
  const pids = [pid, ...alsoPids];
  if (!pids.every((one) => one !== undefined))
    return { wallMs: performance.now(), threadUs: Number.NaN, processUs: Number.NaN };
  return { wallMs: performance.now(), threadUs: sumOf(pids, threadUs), processUs: sumOf(pids, processUs) };
}

function sumOf(pids: readonly number[], timeUs: (pid: number) => number): number {
  return pids.reduce((sum, pid) => sum + timeUs(pid), 0);
}

/**
 * The processor time of a process's first thread. Linux has it in nanoseconds, as the first field of the
 * thread's schedstat.
 */
function threadUs(pid: number): number {
  return Number(fieldsOf(`/proc/${pid}/task/${pid}/schedstat`)[0]) / 1000;
}

/** The user and system time of all threads of a process. Linux counts it in steps of 10 ms. */
function processUs(pid: number): number {
  const [user = 0, system = 0] = fieldsOf(`/proc/${pid}/stat`, ") ").slice(11, 13).map(Number);
  return (user + system) * 10_000;
}

/** The space-separated fields of the file. With `mark`, only the fields after the last occurrence of `mark`. */
function fieldsOf(path: string, mark = ""): string[] {
  const text = readFileSync(path, "utf8");
  return text.slice(mark === "" ? 0 : text.lastIndexOf(mark) + mark.length).split(" ");
}

function summary(
  latenciesMs: readonly number[],
  before: Clocks,
  after: Clocks,
): Omit<Measured, "responses" | "refusedPerSecond"> {
  const sorted = Float64Array.from(latenciesMs).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const wallMs = after.wallMs - before.wallMs;
  const threadUs = after.threadUs - before.threadUs;
  const count = Math.max(1, sorted.length);
  return {
    perSecond: (sorted.length * 1000) / wallMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    threadUs: threadUs / count,
    processUs: (after.processUs - before.processUs) / count,
    serverBusy: threadUs / 1000 / wallMs,
  };
}
