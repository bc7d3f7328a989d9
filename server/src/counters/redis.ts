import type { Counters, Hit, Window, WindowState } from "./counters.ts";
import { counterKey } from "./counters.ts";
import { knownExhausted } from "./exhausted.ts";
import { type Admission, localShare } from "./localShare.ts";
import { openRedis, type RedisLink, RedisUnavailable } from "./redisLink.ts";
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
  /** Called when Redis has lost counters: they may grant up to their limit once more. */
  onLoss(): void;
  /** Called for each decision that was made without Redis. */
  onLocalDecision(): void;
  /** in place of Redis's own time, for tests; ms */
  redisNowMs?: () => number;
};

const markerEveryMs = 1_000;
const markerKey = "latchkey:marker";

/** `{…}` is what a cluster places keys by: all counters of a workspace lie together, so one call can take several. */
function redisKey(window: Window): string {
  return `{${window.workspaceId}}c:${counterKey(window)}`;
}

type Receipt =
  | { kind: "redis"; hitId: string; windows: readonly Window[]; entries: readonly number[] }
  | { kind: "local"; hit: Hit };

/**
 * Counters that any number of processes share through Redis; they are there when its first answer is, or when it
 * gives none. While Redis cannot be asked, each process grants its
 * share of every limit by itself, and adds what it granted when Redis is back, before it asks it again.
 */
export async function redisCounters(options: RedisOptions): Promise<Counters> {
  const share = localShare(options);
  const exhausted = knownExhausted(options.monotonicMs);
  const time = () => (options.redisNowMs === undefined ? "" : options.redisNowMs());
  const link = openRedis({ ...options, onBack: (asking) => bringBack(asking) });
  const stopMarker = watchMarker(link, options);
  await link.ready;

  async function bringBack(asking: Pick<RedisLink, "script">): Promise<void> {
    for (const admission of share.admitted()) {
      await add(asking, admission);
      share.forget(admission);
    }
  }

  async function add(asking: Pick<RedisLink, "script">, admission: Admission): Promise<void> {
    const { window, cost, lastMs, id } = admission;
    const once = `{${window.workspaceId}}once:${id}`;
    const ageMs = Math.max(0, options.monotonicMs() - lastMs);
    await asking.script(addScript, [once, redisKey(window)], [time(), window.durationMs, cost, ageMs]);
  }

  function decideHere(windows: readonly Window[]): Hit {
    options.onLocalDecision();
    const hit = share.hit(windows);
    return { ...hit, receipt: { kind: "local", hit } satisfies Receipt };
  }

  return {
    async hit(windows) {
      if (!link.isUp()) return decideHere(windows);
      const refused = exhausted.refuse(windows);
      if (refused !== undefined) return refused;
      try {
        const answer = await link.script(hitScript, windows.map(redisKey), [
          time(),
          ...windows.flatMap(({ durationMs, limit, cost }) => [durationMs, limit, cost]),
        ]);
        const { hit, nowMs } = readAnswer(answer as number[], windows, options.newId);
        exhausted.learn(windows, hit, nowMs);
        return hit;
      } catch (error) {
        if (!(error instanceof RedisUnavailable)) throw error;
        return decideHere(windows);
      }
    },

    async giveBack(hit) {
      const receipt = hit.receipt as Receipt | undefined;
      if (receipt === undefined || !hit.passed) return;
      if (receipt.kind === "local") {
        share.giveBack(receipt.hit);
        return;
      }
      const { hitId, windows, entries } = receipt;
      const [first] = windows;
      if (first === undefined) return;
      exhausted.forget(windows);
      const once = `{${first.workspaceId}}once:${hitId}`;
      const args = windows.flatMap(({ durationMs, cost }, index) => [durationMs, entries[index] ?? 0, cost]);
      try {
        await link.script(giveBackScript, [once, ...windows.map(redisKey)], [time(), ...args]);
      } catch (error) {
        // the windows stay spent: never too much is granted
        if (!(error instanceof RedisUnavailable)) throw error;
      }
    },

    async close() {
      stopMarker();
      link.close();
      await share.close();
    },
  };
}

const headNumbers = 2;
const numbersPerWindow = 4;

function readAnswer(numbers: number[], windows: readonly Window[], newId: () => string) {
  const states: WindowState[] = [];
  const entries: number[] = [];
  for (let at = headNumbers; at < numbers.length; at += numbersPerWindow) {
    const [passed, remaining = 0, resetAtMs = 0, entry = 0] = numbers.slice(at, at + numbersPerWindow);
    states.push({ passed: passed === 1, remaining, resetAtMs });
    entries.push(entry);
  }
  const [all, nowMs = 0] = numbers;
  const receipt: Receipt = { kind: "redis", hitId: newId(), windows, entries };
  return { hit: { passed: all === 1, windows: states, receipt }, nowMs };
}

/** Redis that was emptied, or failed over to a copy without the last writes, has not the marker any more. */
function watchMarker(link: RedisLink, { newId, onLoss }: RedisOptions): () => void {
  let known: string | undefined;
  const timer = setInterval(() => void look().catch(() => undefined), markerEveryMs);
  timer.unref();

  async function look(): Promise<void> {
    if (!link.isUp()) return;
    await link.command("SET", [markerKey, newId(), "NX"]);
    const found = await link.command("GET", [markerKey]);
    if (typeof found !== "string") return;
    if (known !== undefined && found !== known) onLoss();
    known = found;
  }

  return () => clearInterval(timer);
}
