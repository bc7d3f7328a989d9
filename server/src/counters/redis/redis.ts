import type { Window } from "../../domain/windows.ts";
import type { Counters, Hit, Peeked } from "../counters.ts";
import { hitBatches } from "./batch.ts";
import type { Ask } from "./connection.ts";
import { RedisUnavailable } from "./faults.ts";
import { redisKeyOfWindow } from "./keys.ts";
import { openRedis, type RedisLink } from "./link.ts";
import { lossWatch } from "./lossWatch.ts";
import { localShare } from "./outage/localShare.ts";
import { admissionReplay } from "./outage/replay.ts";
import { knownExhausted } from "./refusalCache.ts";
import {
  changesInMs,
  giveBackCall,
  pushHitArgs,
  pushWindowArgs,
  readPeeked,
  readStates,
  type Taken,
} from "./replies.ts";
import { addScript, giveBackScript, hitScript, peekScript } from "./scripts.ts";

export type RedisOptions = {
  url: string;
  /** the time in milliseconds by a clock that never goes back */
  monotonicMs(): number;
  /** the longest time that a decision waits for Redis, ms */
  deadlineMs: number;
  /** the number of processes that share the counters, including this one */
  liveNodes(): number;
  /** the maximum memory for counters while Redis is unreachable */
  maxLocalBytes: number;
  newId(): string;
  /**
   * Called when Redis may have lost counters. A lost counter starts at zero again, so its limit may be granted twice.
   */
  onLoss(): void;
  /** Called for each decision that was made without Redis. */
  onLocalDecision(): void;
  /**
   * Called with the reason when Redis becomes unavailable, and again if it turns out that a person must change
   * something.
   */
  onDown(reason: string): void;
  /** Called when Redis decides again after an outage. */
  onBack(outage: Outage): void;
  /**
   * Called when this process, while Redis is unreachable, evicted counters to make room: how many, and whether their
   * costs still counted (`live`).
   */
  onEvict?: (count: number, live: boolean) => void;
  /** only for tests: returns the time that the scripts use in place of Redis's clock, ms */
  redisNowMs?: () => number;
};

export type Outage = { localDecisions: number; countersBroughtBack: number };

export type RedisCounters = Counters & {
  /** Returns whether Redis decides. If not, this process decides alone, and grants its share of each limit. */
  isUp(): boolean;
};

type Receipt = { givenBack: boolean } & (({ by: "redis" } & Taken) | { by: "share"; hit: Hit });

/**
 * Creates counters that any number of processes share through Redis. While Redis is unreachable, each process decides
 * alone, and grants its share of every limit. When Redis is back, a process first adds to a counter what it granted
 * meanwhile, and then uses that counter. Resolves when the first attempt to connect has succeeded or failed. Errors:
 * `RedisRefused` if trying again will not help.
 */
export async function redisCounters(options: RedisOptions): Promise<RedisCounters> {
  const { monotonicMs, redisNowMs } = options;
  const time = redisNowMs === undefined ? () => "" : () => String(redisNowMs());
  const share = localShare(options);
  const exhausted = knownExhausted(monotonicMs);
  const { link, replay, counted } = await openShared(options, { share, exhausted, time });
  const hitThere = hitBatches(link.ask, time);

  function decideHere(windows: readonly Window[]): Hit {
    options.onLocalDecision();
    counted.localDecisions += 1;
    const hit = share.hit(windows);
    // If Redis came back while this call waited, all other admissions may be sent already. This hit's must be sent now.
    if (link.isUp()) void replay.sendRest(link);
    return { ...hit, receipt: { by: "share", hit, givenBack: false } satisfies Receipt };
  }

  return {
    hit(windows) {
      if (!link.isUp()) return decideHere(windows);
      const keys = windows.map(redisKeyOfWindow);
      const refused = exhausted.refuse(keys, windows);
      if (refused !== undefined) return refused;
      replay.sendAhead(link.ask, windows);
      const askedAtMs = monotonicMs();
      return hitThere(windows, keys).then(
        (taken) => {
          const receipt: Receipt = { by: "redis", givenBack: false, ...taken };
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
      if (!passed || receipt === undefined || receipt.givenBack) return;
      receipt.givenBack = true;
      if (receipt.by === "share") return share.giveBack(receipt.hit);
      exhausted.forget(receipt.keys);
      await giveBackThere(link.ask, time(), receipt);
    },

    async peek(windows) {
      const asks = link.isUp() && windows.length > 0;
      const peeked = asks ? await peekThere({ link, replay, exhausted, time }, windows) : undefined;
      return peeked ?? share.peek(windows);
    },

    isUp: link.isUp,

    async close() {
      if (share.unsent.size() > 0) {
        await link.tryNow();
        if (link.isUp()) await replay.sendRest(link);
      }
      link.close();
      await share.close();
    },
  };
}

/** Undoes a hit in Redis. If Redis is unreachable, the cost stays spent, so that no limit is exceeded. */
async function giveBackThere(ask: Ask, time: string, taken: Taken): Promise<void> {
  const [keys, args] = giveBackCall(time, taken);
  try {
    if (keys.length > 0) await ask(giveBackScript, keys, args);
  } catch (error) {
    if (!(error instanceof RedisUnavailable)) throw error;
  }
}

type Shared = Pick<Parts, "exhausted" | "time"> &
  Pick<Awaited<ReturnType<typeof openShared>>, "link" | "replay">;

/** Peeks in Redis. Returns `undefined` if Redis is unreachable. */
async function peekThere(
  { link, replay, exhausted, time }: Shared,
  windows: readonly Window[],
): Promise<Peeked[] | undefined> {
  const keys = windows.map(redisKeyOfWindow);
  const args = [time()];
  pushWindowArgs(args, windows);
  replay.sendAhead(link.ask, windows);
  try {
    const peeked = readPeeked(windows, (await link.ask(peekScript, keys, args)) as number[]);
    return withKnown(peeked, exhausted.refuse(keys, windows));
  } catch (error) {
    if (error instanceof RedisUnavailable) return undefined;
    throw error;
  }
}

/**
 * Returns what a peek found in Redis. If this process remembers a refusal (`known`), the window counts as refused: a
 * hit would repeat that refusal without asking Redis, even if another process has given back a cost meanwhile.
 */
function withKnown(peeked: Peeked[], known: Hit | undefined): Peeked[] {
  return peeked.map((one, place) => {
    const state = known?.windows[place];
    return state !== undefined && one.passed ? { ...one, passed: false, passesInMs: state.resetInMs } : one;
  });
}

type Parts = {
  share: ReturnType<typeof localShare>;
  exhausted: ReturnType<typeof knownExhausted>;
  time(): string;
};

/**
 * Opens the link to Redis. When it comes up, checks whether Redis has lost counters, and adds what this process granted
 * meanwhile. Errors: `RedisRefused`.
 */
async function openShared(options: RedisOptions, { share, exhausted, time }: Parts) {
  const processId = options.newId();
  const checkLoss = lossWatch(options);
  const replay = admissionReplay({ ...options, unsent: share.unsent, processId, time });
  const counted = { localDecisions: 0, outages: 0 };
  const link = openRedis({
    ...options,
    async onConnect(ask) {
      await checkLoss(ask);
      await rehearse(ask, processId);
    },
    onUp() {
      exhausted.clear();
      const broughtBack = share.unsent.size();
      void replay.sendRest(link).then(() => report(broughtBack));
    },
    onDown(reason) {
      counted.outages += 1;
      options.onDown(reason);
    },
  });
  const stopChecking = checkRegularly(link, checkLoss);
  await link.ready.catch((error: unknown) => {
    stopChecking();
    throw error;
  });
  return { link: { ...link, close: () => [stopChecking(), link.close()] }, replay, counted };

  function report(countersBroughtBack: number): void {
    if (counted.outages === 0) return;
    const { localDecisions } = counted;
    Object.assign(counted, { localDecisions: 0, outages: 0 });
    options.onBack({ localDecisions, countersBroughtBack });
  }
}

const checkEveryMs = 1_000;

function checkRegularly(link: RedisLink, check: (ask: Ask) => Promise<void>): () => void {
  const timer = setInterval(() => {
    // an error needs no handling here: if the connection has failed, the link is already down
    if (link.isUp()) check(link.ask).catch(() => undefined);
  }, checkEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Runs each script that later calls use once, on a key that is used for nothing else. Throws if the Redis user is not
 * allowed to run scripts, or if this Redis accepts no writes.
 */
async function rehearse(ask: Ask, processId: string): Promise<void> {
  const key = `latchkey:{rehearsal}${processId}`;
  const window = { durationMs: 1000, limit: 1, cost: 1 };
  const hit = [""];
  pushHitArgs(hit, [window]);
  const peek = [""];
  pushWindowArgs(peek, [window]);
  await ask(peekScript, [key], peek);
  const numbers = (await ask(hitScript, [key], hit)) as number[];
  await ask(giveBackScript, [key], ["", "1000", "1", ...numbers.slice(4).map(String)]);
  await ask(addScript, [`${key}:added`, key], ["", "1000", "0"]);
}
