import { cores, keepOn } from "./cores.ts";

/** What the generator is asked to do: a closed loop, or with `perSecond` a steady pace, over keep-alive connections. */
export type Load = {
  port: number;
  /** further nodes, among which the connections are divided */
  alsoPorts?: readonly number[];
  /** the process whose processor time is measured */
  pid: number;
  /** further processes, such as Redis: the time of their first threads is added */
  alsoPids?: readonly number[];
  path: string;
  rootKey: string;
  /** sent in turn, round and round */
  bodies: readonly string[];
  /** every answer is a 200 that holds this, or the bench fails */
  expected: string;
  /** 429 `server_overloaded` is an answer too, which is counted apart */
  mayRefuse?: true;
  connections: number;
  /** undefined: the next request goes out when the answer before it is there */
  perSecond?: number;
  warmUpMs: number;
  measuredMs: number;
  /** where bodies hold `numberMark`, it is replaced by numbers that begin here */
  firstNumber: number;
};

/** Stands in a body for ten digits that differ from request to request. */
export const numberMark = "##########";

/** What was measured after the warm-up; `answers` counts the warm-up too. */
export type Measured = {
  answers: number;
  perSecond: number;
  /** of a load that may be refused; the other figures leave refusals out */
  refusedPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** processor time for one answer of the server's first thread, which runs its JavaScript, and those beside it, microseconds */
  threadUs: number;
  /** the same of the whole processes: collector, compiler and workers too */
  processUs: number;
  /** how much of a core these threads used; well below 1 the generator or another program held it up */
  serverBusy: number;
};

export type GeneratorAnswer = { measured: Measured } | { wrong: string };

/** A generator process; it is kept so that its code is compiled when it counts. */
export type Generator = {
  /** Errors: `Error` with the first answer that was not the expected one. */
  run(load: Load): Promise<Measured>;
  stop(): void;
};

export function startGenerator(): Generator {
  let settle: ((answer: GeneratorAnswer) => void) | undefined;
  const child = Bun.spawn([process.execPath, new URL("./generator.ts", import.meta.url).pathname], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (answer: GeneratorAnswer) => settle?.(answer),
    onExit: () => settle?.({ wrong: "the generator ended" }),
  });
  keepOn(cores.generator, child.pid);
  return {
    async run(load) {
      const answer = await new Promise<GeneratorAnswer>((resolve) => {
        settle = resolve;
        child.send(load);
      });
      if ("wrong" in answer) throw new Error(`Wrong answer to ${load.path}: ${answer.wrong}`);
      return answer.measured;
    },
    stop: () => child.kill(),
  };
}
