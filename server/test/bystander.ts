/**
 * Measures how much one caller disturbs all others. While a test lets a hostile caller do its worst, a separate
 * process, the bystander, keeps sending liveness checks, verifications, and verifications that spend credits.
 *
 * Machines that run tests are busy, so a clock alone would not show why the bystander waited. `computedMs` is the
 * processor time that the server's main thread spent while the bystander waited for a response. The bound for
 * `computedMs` is strict. `waitedMs` also contains time in which the main thread was blocked, but not time in which it
 * waited for a processor. The bound for `waitedMs` is generous, because a disk or a database may be slow for other
 * reasons. Works only on Linux.
 */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { callServer, type ProgramOptions, startServing } from "./program.ts";
import { openRaw, type RawConnection } from "./raw.ts";

/** The server to watch. */
export type Subject = {
  url: string;
  pid: number;
  rootKey: string;
  /** a key whose verification spends nothing */
  key: string;
  /** a key whose verification spends a credit */
  spendingKey: string;
};

export type Wait = { computedMs: number; waitedMs: number };

/** The worst that the bystander has seen. */
export type Impact = {
  liveness: Wait;
  verification: Wait;
  spending: Wait;
  /** requests that were sent */
  asked: number;
  /** responses that were not the expected one, at most ten of them */
  refusals: string[];
  /** how far resident memory rose above its value at the start */
  grownBytes: number;
};

export type ServingSubject = Subject & {
  call(operation: string, body: unknown): ReturnType<typeof callServer>;
  stop(): Promise<void>;
};

/** Starts `latchkey serve`, in memory unless `env` names a database, and creates the bystander's keys on it. */
export async function startSubject(options: ProgramOptions = {}): Promise<ServingSubject> {
  const rootKey = "root-key-of-the-bystander-tests-0123456789";
  const env = { DATABASE_URL: ":memory:", LATCHKEY_ROOT_KEY: rootKey, ...options.env };
  const { child, url, ended } = await startServing({ ...options, env });
  const call = (operation: string, body: unknown) => callServer(url, rootKey, operation, body);
  const { apiId } = (await call("apis.createApi", { name: "bystander" })).body.data;
  const { key } = (await call("keys.createKey", { apiId })).body.data;
  const credits = { remaining: 1_000_000_000 };
  const spendingKey = (await call("keys.createKey", { apiId, credits })).body.data.key;
  return {
    url,
    pid: child.pid ?? 0,
    rootKey,
    key,
    spendingKey,
    call,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Runs `during` while the bystander sends its requests, and returns what the bystander has seen. */
export async function watch(subject: Subject, during: () => Promise<unknown>): Promise<Impact> {
  const bystander = Bun.spawn([process.execPath, import.meta.path, JSON.stringify(subject)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let output = "";
  const ready = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const part of bystander.stdout) {
      output += new TextDecoder().decode(part);
      ready.resolve();
    }
    ready.reject(new Error("the bystander ended early"));
  })();
  try {
    await ready.promise;
    await during();
  } finally {
    await bystander.stdin.end();
    await reading;
  }
  return JSON.parse(output.replace(/^ready\n/, "")) as Impact;
}

/** Fails if the bystander got wrong responses, or waited too long for the server's main thread. */
export function expectUndisturbed(
  impact: Impact,
  { computedMs = 250, waitedMs = 1_000, grownBytes = 200 * 1024 * 1024 } = {},
): void {
  const { liveness, verification, spending } = impact;
  const exceeded = Object.entries({ liveness, verification, spending })
    .filter(([, wait]) => wait.computedMs > computedMs || wait.waitedMs > waitedMs)
    .map(([name, wait]) => `${name}: computed ${wait.computedMs} ms, waited ${wait.waitedMs} ms`);
  if (impact.grownBytes > grownBytes) exceeded.push(`memory: ${impact.grownBytes} bytes more`);
  expect([...exceeded, ...impact.refusals]).toEqual([]);
}

const pauseMs = 5;
const warmUpRounds = 30;

type Question = { name: "liveness" | "verification" | "spending"; text: string; expected: string };

function questionsFor({ rootKey, key, spendingKey }: Subject): Question[] {
  const verification = (presented: string) => {
    const body = JSON.stringify({ key: presented });
    return [
      "POST /v2/keys.verifyKey HTTP/1.1",
      "Host: localhost",
      `Authorization: Bearer ${rootKey}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}\r\n\r\n${body}`,
    ].join("\r\n");
  };
  return [
    { name: "liveness", text: "GET /v2/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n", expected: "200" },
    { name: "verification", text: verification(key), expected: "200 VALID" },
    { name: "spending", text: verification(spendingKey), expected: "200 VALID" },
  ];
}

/**
 * What the operating system reported at `atMs` about a main thread: how long the thread has run, and how long it has
 * waited for a processor.
 */
type Sample = { atMs: number; computedMs: number; queuedMs: number };

function sampleMainThread(pid: number): Sample {
  const [computed, queued] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
  return { atMs: performance.now(), computedMs: Number(computed) / 1e6, queuedMs: Number(queued) / 1e6 };
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Sends one request and records the outcome in `impact`. The connection stays open for the next request. */
async function ask(
  connection: RawConnection,
  { name, text, expected }: Question,
  { pid, lastBefore }: Watching,
  impact: Impact,
): Promise<void> {
  const sent = sampleMainThread(pid);
  connection.send(text);
  const reply = await connection.reply();
  const last = lastBefore();
  const queuedMs = last.queuedMs - sent.queuedMs;
  const wait = { computedMs: last.computedMs - sent.computedMs, waitedMs: last.atMs - sent.atMs - queuedMs };
  impact.asked += 1;
  impact[name] = {
    computedMs: Math.max(impact[name].computedMs, Math.round(wait.computedMs)),
    waitedMs: Math.max(impact[name].waitedMs, Math.round(wait.waitedMs)),
  };
  const code = reply?.body?.data?.["code"];
  const met = reply === undefined ? "the connection was closed" : [reply.status, code].join(" ").trim();
  if (met !== expected && impact.refusals.length < 10) impact.refusals.push(`${name}: ${met}`);
}

type Watching = {
  pid: number;
  /**
   * Must be called when a response has arrived. Returns the last sample that was certainly taken before the response
   * arrived.
   */
  lastBefore(): Sample;
};

/**
 * Takes samples regularly. The bystander may notice a response late, when the newest sample was already taken after the
 * arrival. The second newest sample was certainly taken before it, because between two samples the bystander reads
 * everything that has arrived.
 */
function startSampling(pid: number, eachTime: () => void): Watching {
  let older = sampleMainThread(pid);
  let newer = older;
  const sample = () => {
    older = newer;
    newer = sampleMainThread(pid);
    eachTime();
    setTimeout(sample, pauseMs);
  };
  sample();
  return { pid, lastBefore: () => older };
}

function noImpact(): Impact {
  const none = () => ({ computedMs: 0, waitedMs: 0 });
  return {
    liveness: none(),
    verification: none(),
    spending: none(),
    asked: 0,
    refusals: [],
    grownBytes: 0,
  };
}

/**
 * Runs in the bystander's own process. Repeats its requests until standard input ends, and then sends each request once
 * more.
 */
async function bystand(subject: Subject): Promise<void> {
  const { url, pid } = subject;
  try {
    setPriority(-10); // so that it notices responses at once; not every user is allowed to do this
  } catch {}
  let impact = noImpact();
  let bytesBefore = residentBytes(pid);
  const watching = startSampling(pid, () => {
    impact.grownBytes = Math.max(impact.grownBytes, residentBytes(pid) - bytesBefore);
  });
  const asked = questionsFor(subject).map((question) => ({ question, connection: openRaw(url) }));
  for (let round = 0; round < warmUpRounds; round += 1) {
    for (const { question, connection } of asked) await ask(await connection, question, watching, impact);
  }
  bytesBefore = residentBytes(pid);
  impact = noImpact();
  let isOver = false;
  process.stdin.on("end", () => {
    isOver = true;
  });
  process.stdin.resume();
  process.stdout.write("ready\n");
  await Promise.all(
    asked.map(async ({ question, connection }) => {
      for (let isLast = false; ; isLast = isOver) {
        await ask(await connection, question, watching, impact);
        if (isLast || impact.refusals.length === 10) return;
        await Bun.sleep(pauseMs);
      }
    }),
  );
  process.stdout.write(JSON.stringify(impact), () => process.exit(0));
}

if (import.meta.main) await bystand(JSON.parse(process.argv[2] ?? ""));
