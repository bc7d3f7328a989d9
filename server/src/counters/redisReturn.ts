import type { Window } from "./counters.ts";
import type { Ask } from "./redisConnection.ts";
import { isAboutThisCall } from "./redisFaults.ts";
import { addedKey, counterKeyIn } from "./redisKeys.ts";
import type { RedisLink } from "./redisLink.ts";
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

type Link = Pick<RedisLink, "ask" | "isUp">;

/** So many counters are on their way to Redis at once: a few milliseconds, which what is asked meanwhile waits. */
const waveSize = 128;

/**
 * Brings to Redis what was granted without it: at once what somebody asks about, the rest little by little. What fails
 * stays, to be sent again: it is counted once.
 */
export function redisReturn({ unsent, monotonicMs, processId, time }: Options) {
  let sendingRest: Promise<void> | undefined;

  async function send(ask: Ask, admission: Admission): Promise<void> {
    const { window, number, sum, grants } = admission;
    const nowMs = monotonicMs();
    const parts = grants.toReversed().flatMap(({ lastMs, cost }) => [Math.max(0, nowMs - lastMs), cost]);
    const keys = [addedKey(window, processId, number), counterKeyIn(window)];
    admission.sent = sum;
    admission.sending = sum;
    try {
      await ask(addScript, keys, [time(), ...[window.durationMs, sum, ...parts].map(String)]);
    } catch (error) {
      admission.sending = 0;
      if (!isAboutThisCall(error)) throw error; // else Redis cannot read the counter: nobody gets anything of it
    }
    unsent.arrived(admission, sum);
  }

  async function sendWaves(link: Link): Promise<void> {
    while (unsent.size() > 0 && link.isUp()) {
      // where it fails the link is down, and what is left goes with the next return
      await Promise.allSettled(unsent.some(waveSize).map((one) => send(link.ask, one)));
    }
    sendingRest = undefined;
  }

  return {
    /** What was granted of these windows is on its way when this returns, so what is asked next is answered after it. */
    sendAhead(ask: Ask, windows: readonly Window[]): void {
      if (unsent.size() === 0) return;
      for (const window of windows) {
        const admission = unsent.of(window);
        if (admission !== undefined && admission.sending < admission.sum)
          send(ask, admission).catch(() => {});
      }
    },
    /** Resolves when nothing is left, or the link is down. */
    async sendRest(link: Link): Promise<void> {
      if (unsent.size() === 0) return;
      sendingRest ??= sendWaves(link);
      await sendingRest;
    },
  };
}
