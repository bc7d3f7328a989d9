import { rootKeySecret } from "../../src/domain/secrets.ts";
import { randomBytes } from "../../src/runtime.ts";
import type { Reply } from "../harness.ts";
import { callServer, freePort, runProgram, startServing } from "../program.ts";

/** A node: the program, serving in a process of its own. */
export type Node = {
  url: string;
  pid: number;
  /** Sends `POST /v2/<operation>`. If no response arrives, the status is 0. */
  call(operation: string, body: unknown): Promise<Reply>;
  /** Returns the value of the metric with this name and without labels. */
  metric(name: string): Promise<number>;
  /** Returns what the node has written to stdout and stderr so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** resolves to the exit code when the process has ended; null if a signal ended it */
  ended: Promise<number | null>;
  kill(): Promise<void>;
};

export type NodeOptions = { databaseUrl: string; rootKey: string; environment?: Record<string, string> };

export const newRootKey = () => rootKeySecret(randomBytes(24));

/**
 * Runs a command of the program on the nodes' database, and returns what it prints. If it fails, throws its message.
 */
export async function runCommand(databaseUrl: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(words, { env: { DATABASE_URL: databaseUrl } });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

const noReply: Reply = { status: 0, headers: new Headers(), body: undefined, text: "" };

/** Starts a node by the program's command line. If the program ends instead, throws what it wrote. */
export async function startNode({ databaseUrl, rootKey, environment = {} }: NodeOptions): Promise<Node> {
  const metricsAddress = `127.0.0.1:${await freePort()}`;
  const { child, url, ended, stdout, stderr } = await startServing({
    // the system kills the node when the tests have ended, even if they crash
    through: ["setpriv", "--pdeathsig", "KILL"],
    env: {
      DATABASE_URL: databaseUrl,
      LATCHKEY_ROOT_KEY: rootKey,
      ALLOW_LOCAL_COUNTERS: "true",
      METRICS_ADDRESS: metricsAddress,
      LOG_LEVEL: "warn",
      ...environment,
    },
  });
  return {
    url,
    pid: child.pid ?? 0,
    call: (operation, body) => callServer(url, rootKey, operation, body).catch(() => noReply),
    async metric(name) {
      const text = await (await fetch(`http://${metricsAddress}/metrics`)).text();
      const line = text.split("\n").find((one) => one.startsWith(`${name} `));
      return Number(line?.slice(name.length));
    },
    output: () => stdout() + stderr(),
    signal: (name) => void child.kill(name),
    ended: ended.then(({ code }) => code),
    async kill() {
      child.kill("SIGCONT");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
