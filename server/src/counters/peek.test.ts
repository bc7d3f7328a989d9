import { describe, expect, test } from "bun:test";
import { backends, testCounters } from "../../test/backends.ts";
import { play } from "../../test/model.ts";
import type { Window } from "../domain/windows.ts";
import type { Counters, Hit } from "./counters.ts";

describe.each(backends)("counters in $name", (backend) => {
  const { clock, counters, histories, part, fresh, hit, passes } = testCounters(backend);

  test("a peek finds what a hit then finds, and changes nothing, in random histories", async () => {
    const { from, to } = histories(700_001, 5000);
    const peeking = peekedTwin(counters);
    for (let seed = from; seed <= to; seed += 1) await play(peeking, clock, seed, {});
    for (let seed = 1; seed <= Math.ceil(50 * part); seed += 1) {
      await play(peeking, clock, 800_000 + seed, { steps: 200, dense: true });
    }
  }, 60_000);

  test("a refused cost passes at the time that a peek returns, and not a millisecond earlier", async () => {
    const check = async (window: Window): Promise<void> => {
      const asked = { ...window, cost: Math.ceil(window.limit / 2) };
      const [peeked] = await counters.peek([asked]);
      const { passesInMs = 0 } = peeked ?? {};
      if (passesInMs > 0) {
        clock.nowMs += passesInMs - 1;
        expect(await passes(asked)).toBe(false);
        clock.nowMs += 1;
      }
      expect(await counters.peek([asked])).toMatchObject([{ passed: true, passesInMs: 0 }]);
      expect(await passes(asked)).toBe(true);
    };
    const { from, to } = histories(620_001, 1000);
    for (let seed = from; seed <= to; seed += 1) await play(counters, clock, seed, {}, check);
  }, 30_000);

  test("a peek returns what is used, and that a cost above the limit never passes", async () => {
    const window = fresh({ limit: 5, cost: 3, durationMs: 60_000 });
    const empty = { passed: true, limit: 5, used: 0, emptyInMs: 0, passesInMs: 0 };
    expect(await counters.peek([window])).toEqual([empty]);
    await hit(window);
    clock.nowMs += 100;
    const full = { passed: false, limit: 5, used: 3, emptyInMs: 59_900, passesInMs: 59_900 };
    expect(await counters.peek([window])).toEqual([full]);
    const never = { ...full, passesInMs: undefined };
    expect(await counters.peek([{ ...window, cost: 6 }])).toEqual([never]);
    expect(await counters.peek([{ ...window, limit: 2, cost: 0 }])).toEqual([
      { passed: false, limit: 2, used: 3, emptyInMs: 59_900, passesInMs: 59_900 },
    ]);
    expect(await counters.peek([])).toEqual([]);
  });
});

/**
 * Wraps counters. Before each hit comes a peek, which must predict the hit's result. Each hit is then repeated for a
 * second set of subjects, without a peek. If both hits have the same result, the peek has changed nothing.
 */
function peekedTwin(counters: Counters): Counters {
  const twins = new WeakMap<Hit, Hit>();
  return {
    ...counters,
    async hit(windows) {
      const peeked = await counters.peek(windows);
      expect(await counters.peek(windows)).toEqual(peeked);
      const hit = await counters.hit(windows);
      for (const [place, state] of hit.windows.entries()) {
        const { passed, limit = 0, used = 0, passesInMs } = peeked[place] ?? {};
        expect(passed).toBe(state.passed);
        if (passed === false) expect(passesInMs ?? windows[place]?.durationMs).toBe(state.resetInMs);
        if (!hit.passed) expect(Math.max(0, limit - used)).toBe(state.remaining);
      }
      const twin = await counters.hit(windows.map((one) => ({ ...one, subject: `${one.subject} twin` })));
      expect(twin.windows).toEqual(hit.windows);
      twins.set(hit, twin);
      return hit;
    },
    async giveBack(hit) {
      await counters.giveBack(hit);
      const twin = twins.get(hit);
      if (twin !== undefined) await counters.giveBack(twin);
    },
  };
}
