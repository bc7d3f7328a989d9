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
  /** returns the time argument of the scripts */
  time(): string;
};

type Link = Pick<RedisLink, "ask" | "isUp">;

/**
 * The maximum number of counters in one wave. Redis takes a few milliseconds for a wave,
 * and other calls wait for that.
 */
const waveSize = 128;

/**
 * Adds to Redis what this process granted without it. Before a call on a counter, it sends the admission of
 * that counter; the other admissions follow in waves. If a send fails, the admission is kept and sent again.
 * Redis counts each part only once.
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
      if (!isAboutThisCall(error)) throw error; // else Redis cannot read the stored counter, so every call on it fails anyway
    }
    unsent.arrived(admission, sum);
  }

  async function sendWaves(link: Link): Promise<void> {
    while (unsent.size() > 0 && link.isUp()) {
      // if a send fails, the link goes down; the rest is sent when Redis is back
      await Promise.allSettled(unsent.some(waveSize).map((one) => send(link.ask, one)));
    }
    sendingRest = undefined;
  }

  return {
    /**
     * Sends the admissions of these windows. Redis runs calls in order, so the caller's next
     * call already sees them counted.
     */
    sendAhead(ask: Ask, windows: readonly Window[]): void {
      if (unsent.size() === 0) return;
      for (const window of windows) {
        const admission = unsent.of(window);
        if (admission !== undefined && admission.sending < admission.sum)
          send(ask, admission).catch(() => {});
      }
    },
    /** Sends all admissions. Resolves when all are sent, or the link is down. */
    async sendRest(link: Link): Promise<void> {
      if (unsent.size() === 0) return;
      sendingRest ??= sendWaves(link);
      await sendingRest;
    },
  };
}
