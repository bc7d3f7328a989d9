import type { Window } from "../../../domain/windows.ts";
import type { Ask } from "../connection.ts";
import { isAboutThisCall } from "../faults.ts";
import { addedKey, counterKeyIn } from "../keys.ts";
import type { RedisLink } from "../link.ts";
import { addScript } from "../scripts.ts";
import type { Admission, unsentAdmissions } from "./grants.ts";

type Options = {
  unsent: ReturnType<typeof unsentAdmissions>;
  monotonicMs(): number;
  /** identifies this process */
  processId: string;
  /** the time argument of the scripts */
  time(): string;
};

type Link = Pick<RedisLink, "ask" | "isUp">;

/** The most counters on their way to Redis at a time. They take a few milliseconds, which other calls wait for. */
const waveSize = 128;

/**
 * Adds to Redis what was granted without it: before a call on a counter, what concerns that counter; the rest in
 * waves. What fails is kept and sent again, and Redis counts it once.
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
      if (!isAboutThisCall(error)) throw error; // otherwise Redis cannot read the counter, and grants nothing from it
    }
    unsent.arrived(admission, sum);
  }

  async function sendWaves(link: Link): Promise<void> {
    while (unsent.size() > 0 && link.isUp()) {
      // if it fails, the link is down, and the next return sends the rest
      await Promise.allSettled(unsent.some(waveSize).map((one) => send(link.ask, one)));
    }
    sendingRest = undefined;
  }

  return {
    /** Sends what was granted on these windows. Redis runs calls in order, so the next one already counts it. */
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
