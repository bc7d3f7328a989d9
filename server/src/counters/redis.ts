import type { Counters, Hit, Window } from "./counters.ts";
import { knownExhausted } from "./exhausted.ts";
import { localShare } from "./localShare.ts";
import { changesInMs, giveBackQuestion, readStates, type Taken, tellHit } from "./redisAnswers.ts";
import { hitBatches } from "./redisBatch.ts";
import type { Ask } from "./redisConnection.ts";
import { RedisUnavailable } from "./redisFaults.ts";
import { counterKeyIn } from "./redisKeys.ts";
import { openRedis, type RedisLink } from "./redisLink.ts";
import { lossWatch } from "./redisLoss.ts";
import { redisReturn } from "./redisReturn.ts";
import { addScript, giveBackScript, hitScript } from "./redisScripts.ts";

export type RedisOptions = {
  url: string;
  /** milliseconds of a clock that never goes back */
  monotonicMs(): number;
  /** the most that one decision waits for Redis, ms */
  deadlineMs: number;
  /** processes that share the counters, this one among them */
  liveNodes(): number;
  /** of the counters that are kept here while Redis cannot be asked */
  maxLocalBytes: number;
  newId(): string;
  /** Called when Redis may have lost counters: they may grant up to their limit once more. */
  onLoss(): void;
  /** Called for each decision that was made without Redis. */
  onLocalDecision(): void;
  /** Called when Redis is not asked any more, and again when the reason becomes one that only a person can mend. */
  onDown(reason: string): void;
  /** Called when Redis is asked again, with what happened without it. */
  onBack(outage: Outage): void;
  /** Called for counters kept here that had to go for want of room. */
  onEvict?: (count: number, live: boolean) => void;
  /** in place of Redis's own time, for tests; ms */
  redisNowMs?: () => number;
};

export type Outage = { localDecisions: number; countersBroughtBack: number };

export type RedisCounters = Counters & {
  /** whether Redis decides */
  isUp(): boolean;
};

type Receipt = { given: boolean } & (({ by: "redis" } & Taken) | { by: "share"; hit: Hit });

/**
 * Counters that any number of processes share through Redis; they are there when its first answer is, or when it
 * gives none. While Redis cannot be asked, each process grants its share of every limit by itself; when Redis is back, it
 * adds what it granted of a counter before it asks about that counter again.
 * Errors: `RedisRefused` where waiting will not help.
 */
export async function redisCounters(options: RedisOptions): Promise<RedisCounters> {
  const { monotonicMs, redisNowMs } = options;
  const time = redisNowMs === undefined ? () => "" : () => String(redisNowMs());
  const share = localShare(options);
  const exhausted = knownExhausted(monotonicMs);
  const { link, back, counted } = await openShared(options, { share, exhausted, time });
  const hitThere = hitBatches(link.ask, time);

  function decideHere(windows: readonly Window[]): Hit {
    options.onLocalDecision();
    counted.localDecisions += 1;
    const hit = share.hit(windows);
    // the call began in an outage that is over
    if (link.isUp()) void back.sendRest(link);
    return { ...hit, receipt: { by: "share", hit, given: false } satisfies Receipt };
  }

  async function giveBackThere(taken: Taken): Promise<void> {
    exhausted.forget(taken.keys);
    const [keys, args] = giveBackQuestion(time(), taken);
    try {
      if (keys.length > 0) await link.ask(giveBackScript, keys, args);
    } catch (error) {
      // the windows stay spent: never too much is granted
      if (!(error instanceof RedisUnavailable)) throw error;
    }
  }

  return {
    hit(windows) {
      if (!link.isUp()) return decideHere(windows);
      const keys = windows.map(counterKeyIn);
      const refused = exhausted.refuse(keys, windows);
      if (refused !== undefined) return refused;
      back.sendAhead(link.ask, windows);
      const askedAtMs = monotonicMs();
      return hitThere(windows, keys).then(
        (taken) => {
          const receipt: Receipt = { by: "redis", given: false, ...taken };
          const hit = { ...readStates(taken), receipt };
          exhausted.learn(taken, hit, { askedAtMs, changesInMs: changesInMs(taken, 0) });
          return hit;
        },
        (error: unknown) => {
          if (error instanceof RedisUnavailable) return decideHere(windows);
          throw error;
        },
      );
    },

    async giveBack({ passed, ...hit }) {
      const receipt = hit.receipt as Receipt | undefined;
      if (!passed || receipt === undefined || receipt.given) return;
      receipt.given = true;
      if (receipt.by === "share") share.giveBack(receipt.hit);
      else await giveBackThere(receipt);
    },

    isUp: link.isUp,

    async close() {
      if (share.unsent.size() > 0) {
        await link.tryNow();
        if (link.isUp()) await back.sendRest(link);
      }
      link.close();
      await share.close();
    },
  };
}

type Parts = {
  share: ReturnType<typeof localShare>;
  exhausted: ReturnType<typeof knownExhausted>;
  time(): string;
};

/** The way to Redis, which sees to losses and to what is to be brought back. Errors: `RedisRefused`. */
async function openShared(options: RedisOptions, { share, exhausted, time }: Parts) {
  const processId = options.newId();
  const look = lossWatch(options);
  const back = redisReturn({ ...options, unsent: share.unsent, processId, time });
  const counted = { localDecisions: 0, outages: 0 };
  const link = openRedis({
    ...options,
    async onConnect(ask) {
      await look(ask);
      await rehearse(ask, processId);
    },
    onUp() {
      exhausted.clear();
      const broughtBack = share.unsent.size();
      void back.sendRest(link).then(() => report(broughtBack));
    },
    onDown(reason) {
      counted.outages += 1;
      options.onDown(reason);
    },
  });
  const stopLooking = lookAgain(link, look);
  await link.ready.catch((error: unknown) => {
    stopLooking();
    throw error;
  });
  return { link: { ...link, close: () => [stopLooking(), link.close()] }, back, counted };

  function report(countersBroughtBack: number): void {
    if (counted.outages === 0) return;
    const { localDecisions } = counted;
    Object.assign(counted, { localDecisions: 0, outages: 0 });
    options.onBack({ localDecisions, countersBroughtBack });
  }
}

const lookEveryMs = 1_000;

function lookAgain(link: RedisLink, look: (ask: Ask) => Promise<void>): () => void {
  const timer = setInterval(() => {
    // what fails has brought the link down already
    if (link.isUp()) look(link.ask).catch(() => undefined);
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** What will be asked is asked once before: whether Redis may be written to, and by this user. */
async function rehearse(ask: Ask, processId: string): Promise<void> {
  const key = `latchkey:{rehearsal}${processId}`;
  const hit = [""];
  tellHit(hit, [{ durationMs: 1000, limit: 1, cost: 1 }]);
  const numbers = (await ask(hitScript, [key], hit)) as number[];
  await ask(giveBackScript, [key], ["", "1000", "1", ...numbers.slice(4).map(String)]);
  await ask(addScript, [`${key}:added`, key], ["", "1000", "0"]);
}
