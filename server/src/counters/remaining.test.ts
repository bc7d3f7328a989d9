import { describe, expect, test } from "bun:test";
import { backends, testCounters } from "../../test/backends.ts";
import { play } from "../../test/model.ts";
import type { Window } from "../domain/windows.ts";

describe.each(backends)("counters in $name", (backend) => {
  const { clock, counters, histories, fresh, hit, passes, look } = testCounters(backend);

  test("a cost of `remaining` passes, and a cost of `remaining` + 1 is refused", async () => {
    const check = async (window: Window): Promise<void> => {
      const { remaining = 0 } = (await look(window)) ?? {};
      expect(await passes({ ...window, cost: remaining + 1 })).toBe(false);
      const spent = await hit({ ...window, cost: remaining });
      expect(spent.passed || remaining === 0).toBe(true);
      await counters.giveBack(spent);
    };
    const { from, to } = histories(600_001, 1000);
    for (let seed = from; seed <= to; seed += 1) await play(counters, clock, seed, {}, check);
  });

  test("a refused cost passes at `reset`, and not a millisecond earlier", async () => {
    const check = async (window: Window): Promise<void> => {
      for (const cost of [1, Math.ceil(window.limit / 2), window.limit]) {
        const { passed, windows, receipt } = await hit({ ...window, cost });
        await counters.giveBack({ passed, windows, receipt });
        if (passed || cost > window.limit) continue;
        const resetInMs = windows[0]?.resetInMs ?? 0;
        expect(resetInMs).toBeGreaterThan(0);
        expect(resetInMs).toBeLessThanOrEqual(window.durationMs);
        clock.nowMs += resetInMs - 1;
        expect(await passes({ ...window, cost })).toBe(false);
        clock.nowMs += 1;
        expect(await passes({ ...window, cost })).toBe(true);
      }
    };
    const { from, to } = histories(610_001, 1000);
    for (let seed = from; seed <= to; seed += 1) await play(counters, clock, seed, {}, check);
  });

  test("after a hit that passed, `reset` is when the window is empty again", async () => {
    const window = fresh({ limit: 5, cost: 2, durationMs: 60_000 });
    expect(await look(window)).toEqual({ passed: true, remaining: 5, resetInMs: 0 });
    expect((await hit(window)).windows).toEqual([{ passed: true, remaining: 3, resetInMs: 60_000 }]);
    clock.nowMs += 59_999;
    expect(await look(window)).toEqual({ passed: true, remaining: 3, resetInMs: 1 });
    clock.nowMs += 1;
    expect(await look(window)).toEqual({ passed: true, remaining: 5, resetInMs: 0 });
  });

  test("the reset of a cost above the limit is a whole duration away, whatever the window has counted", async () => {
    const window = fresh({ limit: 5, durationMs: 60_000 });
    const tooMuch = { ...window, cost: 6 };
    const expectNever = async (remaining: number): Promise<void> => {
      // the hit is sent twice, because a backend may remember the first refusal and repeat it
      for (const again of [1, 2]) {
        const never = { passed: false, remaining, resetInMs: 60_000, again };
        expect({ ...(await hit(tooMuch)).windows[0], again }).toEqual(never);
      }
    };
    await expectNever(5);
    const both = await hit({ ...window, cost: 3 }, { ...window, cost: 3 });
    expect(both.windows[1]).toEqual({ passed: false, remaining: 5, resetInMs: 60_000 });
    await hit({ ...window, cost: 2 });
    clock.nowMs += 100;
    await expectNever(3);
    await hit({ ...window, cost: 3 });
    clock.nowMs += 100;
    await expectNever(0);
    expect((await hit(fresh({ limit: 0 }))).windows[0]?.resetInMs).toBe(10_000);
  });
});
