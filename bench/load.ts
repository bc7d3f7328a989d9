import { cores, keepOn } from "./cores.ts";

/** A job for the generator: a closed loop, or with `perSecond` a steady pace, over keep-alive connections. */
export type Load = {
  /** undefined: 127.0.0.1 */
  host?: string;
  port: number;
  /** further nodes, among which the connections are divided */
  alsoPorts?: readonly number[];
  /** the process whose processor time is measured; undefined: none is, and these figures are not numbers */
  pid: number | undefined;
  /** further processes, such as Redis: the time of their first threads is added */
  alsoPids?: readonly number[];
  path: string;
  rootKey: string;
  /** sent one after another, then again from the first */
  bodies: readonly string[];
  /** every response must be a 200 that contains this, or the bench fails */
  expected: string;
  /** 429 `server_overloaded` is allowed too, and is counted separately */
  mayRefuse?: true;
  connections: number;
  /** undefined: each connection sends its next request when it has the response */
  perSecond?: number;
  warmUpMs: number;
  measuredMs: number;
  /** the first of the numbers that replace `numberMark` in bodies */
  firstNumber: number;
};

/** A placeholder in a body for ten digits that differ in each request. */
export const numberMark = "##########";

/** What was measured after the warm-up; `responses` counts the warm-up too. */
export type Measured = {
  responses: number;
  perSecond: number;
  /** for a load with `mayRefuse`; the other figures exclude refusals */
  refusedPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** processor time per response, in microseconds, of the server's first thread, which runs its JavaScript, and of `alsoPids` */
  threadUs: number;
  /** the same for all threads: garbage collector, compiler and workers too */
  processUs: number;
  /** how much of a core these threads used; if it is well below 1, the generator or another program slowed the server down */
  serverBusy: number;
};

export type GeneratorReply = { measured: Measured } | { wrong: string };

/** A generator process. It is reused, so that its code is already compiled when it measures. */
export type Generator = {
  /** Errors: `Error` with the first unexpected response. */
  run(load: Load): Promise<Measured>;
  stop(): void;
};

export function startGenerator(): Generator {
  let settle: ((reply: GeneratorReply) => void) | undefined;
  const child = Bun.spawn([process.execPath, new URL("./generator.ts", import.meta.url).pathname], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (reply: GeneratorReply) => settle?.(reply),
    onExit: () => settle?.({ wrong: "the generator ended" }),
  });
  keepOn(cores.generator, child.pid);
  return {
    async run(load) {
      const reply = await new Promise<GeneratorReply>((resolve) => {
        settle = resolve;
        child.send(load);
      });
      if ("wrong" in reply) throw new Error(`Wrong response to ${load.path}: ${reply.wrong}`);
      return reply.measured;
    },
    stop: () => child.kill(),
  };
}
