import type { Ask } from "./redisConnection.ts";
import { isAboutThisCall } from "./redisFaults.ts";
import { addedKey, counterKeyIn } from "./redisKeys.ts";
import { addScript } from "./redisScripts.ts";
import type { Admission, unsentAdmissions } from "./unsent.ts";

type Options = {
  unsent: ReturnType<typeof unsentAdmissions>;
  monotonicMs(): number;
  /** names this process */
  processId: string;
  /** what the scripts are told of the time */
  time(): string;
};

/** So many counters are on their way to Redis at once. */
const waveSize = 512;

/** Brings to Redis what was granted without it. What fails stays, to be sent again: it is counted once. */
export function redisReturn({ unsent, monotonicMs, processId, time }: Options) {
  let arrived = 0;
  let sendingRest: Promise<void> | undefined;

  async function send(ask: Ask, admission: Admission): Promise<void> {
    const { window, number, sum, grants } = admission;
    const nowMs = monotonicMs();
    const parts = grants.toReversed().flatMap(({ lastMs, cost }) => [Math.max(0, nowMs - lastMs), cost]);
    admission.sent = sum;
    const keys = [addedKey(window, processId, number), counterKeyIn(window)];
    try {
      await ask(addScript, keys, [time(), ...[window.durationMs, sum, ...parts].map(String)]);
    } catch (error) {
      if (!isAboutThisCall(error)) throw error; // else Redis cannot read the counter: nobody gets anything of it
    }
    arrived += 1;
    unsent.arrived(admission, sum);
  }

  async function sendWave(ask: Ask, most: number): Promise<void> {
    const outcomes = await Promise.allSettled(unsent.some(most).map((one) => send(ask, one)));
    const failed = outcomes.find(({ status }) => status === "rejected");
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  }

  async function sendAll(ask: Ask): Promise<void> {
    try {
      while (unsent.size() > 0) await sendWave(ask, unsent.size());
    } catch {
      // the link is down again, and what is left goes with the next return
    } finally {
      sendingRest = undefined;
    }
  }

  return {
    /** All but about what one more wave holds, while more may be granted. Errors: those of `ask`. */
    async sendMost(ask: Ask): Promise<void> {
      while (unsent.size() > waveSize) await sendWave(ask, waveSize);
    },
    /** The rest, on its way when this returns: what is asked after it is answered after it. */
    async sendRest(ask: Ask): Promise<void> {
      if (unsent.size() === 0) return;
      sendingRest ??= sendAll(ask);
      await sendingRest;
    },
    /** how many counters were brought back so far */
    arrived: () => arrived,
  };
}
