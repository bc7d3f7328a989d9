import { rootKeySecret } from "../../src/domain/secrets.ts";
import { randomBytes } from "../../src/runtime.ts";
import type { Reply } from "../harness.ts";
import { callServer, freePort, runProgram, startServing } from "../program.ts";

/** The program, serving in its own process. */
export type Node = {
  url: string;
  pid: number;
  /** `POST /v2/<operation>`; status 0 if no response came */
  call(operation: string, body: unknown): Promise<Reply>;
  /** the value of a metric, by its name without labels */
  metric(name: string): Promise<number>;
  /** what it has written to stdout and stderr so far */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** resolves to the exit code when the process has ended; null if a signal ended it */
  ended: Promise<number | null>;
  kill(): Promise<void>;
};

export type NodeOptions = { databaseUrl: string; rootKey: string; environment?: Record<string, string> };

export const newRootKey = () => rootKeySecret(randomBytes(24));

/** Runs one command of the program on the nodes' database, and returns what it prints. Throws what it complains about. */
export async function runCommand(databaseUrl: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(words, { env: { DATABASE_URL: databaseUrl } });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

const noReply: Reply = { status: 0, headers: new Headers(), body: undefined, text: "" };

/** Starts a node with the program's own command line. Throws what the program wrote if it ends instead. */
export async function startNode({ databaseUrl, rootKey, environment = {} }: NodeOptions): Promise<Node> {
  const metricsAddress = `127.0.0.1:${await freePort()}`;
  const { child, url, ended, stdout, stderr } = await startServing({
    through: ["setpriv", "--pdeathsig", "KILL"], // it ends when the tests end, however they end
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
