import { cores, keepOn } from "./cores.ts";

/**
 * What the generator sends over keep-alive connections. By default each connection sends its next request when it has
 * the response; with `perSecond`, requests are sent at a steady pace.
 */
export type Load = {
  /** the server's host. Default: 127.0.0.1 */
  host?: string;
  port: number;
  /** the ports of further nodes; the connections are divided among all nodes */
  alsoPorts?: readonly number[];
  /** the server's process, to measure its processor time; if undefined, those figures are NaN */
  pid: number | undefined;
  /** further processes, such as Redis, whose first thread's processor time is added to the server's */
  alsoPids?: readonly number[];
  path: string;
  rootKey: string;
  /** request bodies, sent in turn; after the last, the first is sent again */
  bodies: readonly string[];
  /** a text that every response must contain. The bench fails if a response lacks it or has a status other than 200. */
  expected: string;
  /** accept 429 `server_overloaded`, too, and count these responses separately */
  mayRefuse?: true;
  connections: number;
  /**
   * requests per second over all connections; undefined: each connection sends its next request when it has
   * the response
   */
  perSecond?: number;
  warmUpMs: number;
  measuredMs: number;
  /** the number that the first request has in place of `numberMark`; each further request has the next higher number */
  firstNumber: number;
};

/** A placeholder in request bodies. Each request has its own number of ten digits in its place. */
export const numberMark = "##########";

/** The figures of a load, measured after the warm-up. Only `responses` includes the warm-up. */
export type Measured = {
  responses: number;
  perSecond: number;
  /** responses with status 429 per second, for a load with `mayRefuse`; the other figures exclude these responses */
  refusedPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /**
   * processor time per response in microseconds: of the server's first thread, which runs its JavaScript, and
   * of `alsoPids`
   */
  threadUs: number;
  /**
   * processor time per response in microseconds of all threads, including the garbage collector, the compiler
   * and workers
   */
  processUs: number;
  /** how much of a core the threads of `threadUs` used. If this is far below 1, another program limited the load. */
  serverBusy: number;
};

export type GeneratorReply = { measured: Measured } | { wrong: string };

/**
 * A running generator process. One process generates many loads, so that its code is already compiled when it measures.
 */
export type Generator = {
  /** Generates the load and returns the figures. Errors: `Error` with the first unexpected response. */
  run(load: Load): Promise<Measured>;
  stop(): void;
};

export function startGenerator(): Generator {
  let settle: ((reply: GeneratorReply) => void) | undefined;
  const child = Bun.spawn([process.execPath, new URL("./generator.ts", import.meta.url).pathname], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (reply: GeneratorReply) => settle?.(reply),
    onExit: () => settle?.({ wrong: "the process of the generator exited" }),
  });
  keepOn(cores.generator, child.pid);
  return {
    async run(load) {
      const reply = await new Promise<GeneratorReply>((resolve) => {
        settle = resolve;
        child.send(load);
      });
      if ("wrong" in reply) throw new Error(`The load on ${load.path} failed: ${reply.wrong}`);
      return reply.measured;
    },
    stop: () => child.kill(),
  };
}
