import type { Window } from "../../../domain/windows.ts";
import type { Ask } from "../connection.ts";
import { isAboutThisCall } from "../faults.ts";
import { addedKey, redisKeyOfWindow } from "../keys.ts";
import type { RedisLink } from "../link.ts";
import { addScript } from "../scripts.ts";
import type { Admission, unsentAdmissions } from "./admissions.ts";

type Options = {
  unsent: ReturnType<typeof unsentAdmissions>;
  monotonicMs(): number;
  /** the id of this process */
  processId: string;
  /** Returns the first argument of a script: an empty text for Redis's own clock, or in tests, a time in ms. */
  time(): string;
};

type Link = Pick<RedisLink, "ask" | "isUp">;

/**
 * The maximum number of admissions in a wave, which are sent together. Redis takes a few milliseconds for a wave, and
 * other calls wait until the wave is done.
 */
const waveSize = 128;

/**
 * Replays admissions: adds to Redis what this process granted while Redis was unreachable. Before a call uses a
 * counter, the admission of that counter is sent. The other admissions follow in waves. If sending fails, the admission
 * is sent again later. Redis counts nothing twice, because it stores how much of each admission it has counted.
 */
export function admissionReplay({ unsent, monotonicMs, processId, time }: Options) {
  let sendingRest: Promise<void> | undefined;

  async function send(ask: Ask, admission: Admission): Promise<void> {
    const { window, number, sum, parts } = admission;
    const nowMs = monotonicMs();
    const sent = parts.toReversed().flatMap(({ lastMs, cost }) => [Math.max(0, nowMs - lastMs), cost]);
    const keys = [addedKey(window, processId, number), redisKeyOfWindow(window)];
    admission.sent = sum;
    admission.sending = sum;
    try {
      await ask(addScript, keys, [time(), ...[window.durationMs, sum, ...sent].map(String)]);
    } catch (error) {
      admission.sending = 0;
      // an error about this call means that Redis cannot read the counter, so it would not help to send this again
      if (!isAboutThisCall(error)) throw error;
    }
    unsent.arrived(admission, sum);
  }

  async function sendWaves(link: Link): Promise<void> {
    while (unsent.size() > 0 && link.isUp()) {
      // if sending fails, the link goes down; the remaining admissions are sent when it is up again
      await Promise.allSettled(unsent.some(waveSize).map((one) => send(link.ask, one)));
    }
    sendingRest = undefined;
  }

  return {
    /**
     * Sends the admissions of these windows. The caller need not wait: Redis runs calls in order, so it counts the
     * admissions before it runs the caller's next call.
     */
    sendAhead(ask: Ask, windows: readonly Window[]): void {
      if (unsent.size() === 0) return;
      for (const window of windows) {
        const admission = unsent.of(window);
        if (admission !== undefined && admission.sending < admission.sum)
          send(ask, admission).catch(() => {});
      }
    },
    /** Sends all admissions. Resolves when Redis has counted them, or the link is down. */
    async sendRest(link: Link): Promise<void> {
      if (unsent.size() === 0) return;
      sendingRest ??= sendWaves(link);
      await sendingRest;
    },
  };
}
