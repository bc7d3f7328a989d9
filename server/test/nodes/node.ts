import { join } from "node:path";
import { rootKeySecret } from "../../src/domain/secrets.ts";
import { randomBytes } from "../../src/runtime.ts";
import type { Reply } from "../harness.ts";
import { readReply } from "../reply.ts";
import { until } from "../until.ts";

const main = join(import.meta.dir, "../../src/main.ts");

/** The program itself, serving in a process of its own. */
export type Node = {
  url: string;
  pid: number;
  /** `POST /v2/<operation>`; an answer that never came has status 0 */
  call(operation: string, body: unknown): Promise<Reply>;
  /** what the node measures, by the name of the metric without labels */
  metric(name: string): Promise<number>;
  /** what it has written so far */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves when the process has ended, to its exit code. */
  ended: Promise<number>;
  kill(): Promise<void>;
};

export type NodeOptions = { databaseUrl: string; rootKey: string; environment?: Record<string, string> };

export const newRootKey = () => rootKeySecret(randomBytes(24));

/** Runs one command of the program beside the nodes, and answers what it prints. */
export async function runCommand(databaseUrl: string, ...words: string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: { PATH: process.env["PATH"], DATABASE_URL: databaseUrl },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, complaint, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(complaint);
  return text;
}

/** Starts a node with the program's own command line. Errors: what the program said where it ended instead. */
export async function startNode({ databaseUrl, rootKey, environment = {} }: NodeOptions): Promise<Node> {
  const metricsPort = 20_000 + Math.floor(Math.random() * 12_000);
  // ends with the tests, however they end
  const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", process.execPath, main, "serve"], {
    env: {
      PATH: process.env["PATH"],
      PORT: "0",
      DATABASE_URL: databaseUrl,
      LATCHKEY_ROOT_KEY: rootKey,
      ALLOW_LOCAL_COUNTERS: "true",
      METRICS_ADDRESS: `127.0.0.1:${metricsPort}`,
      LOG_LEVEL: "warn",
      ...environment,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  child.unref();
  let output = "";
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) output += new TextDecoder().decode(chunk);
  };
  void listen(child.stdout);
  void listen(child.stderr);
  const url = await until(() => {
    if (child.exitCode !== null) throw new Error(`a node ended with ${child.exitCode}: ${output}`);
    return /listens on (\S+)/.exec(output)?.[1];
  }, 30_000);

  return {
    url,
    pid: child.pid,
    async call(operation, body) {
      const request = {
        method: "POST",
        headers: { Authorization: `Bearer ${rootKey}`, "Content-Type": "application/json" },
        body: JSON.stringify(body),
      };
      try {
        return await readReply(await fetch(`${url}/v2/${operation}`, request));
      } catch {
        return { status: 0, headers: new Headers(), body: undefined, text: "" };
      }
    },
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      const line = text.split("\n").find((one) => one.startsWith(`${name} `));
      return Number(line?.slice(name.length));
    },
    output: () => output,
    signal: (name) => child.kill(name),
    ended: child.exited,
    async kill() {
      child.kill("SIGCONT");
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
