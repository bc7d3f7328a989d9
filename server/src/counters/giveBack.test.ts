import { describe, expect, test } from "bun:test";
import { backends, testCounters } from "../../test/backends.ts";
import type { Hit } from "./counters.ts";

describe.each(backends)("counters in $name", (backend) => {
  const { clock, counters, fresh, hit, look } = testCounters(backend);

  test("a hit that is given back at once leaves every counter unchanged", async () => {
    const one = fresh({ limit: 100, durationMs: 60_000 });
    const other = fresh({ limit: 100, durationMs: 3_600_000 });
    for (const pauseMs of [0, 1, 500, 999, 1, 1001, 30_000, 59_999, 60_000]) {
      await hit(one);
      clock.nowMs += pauseMs;
      const before = [await look(one), await look(other)];
      const first = await hit(one, other, one);
      const second = await hit(other, one);
      await counters.giveBack(second);
      await counters.giveBack(first);
      expect([await look(one), await look(other)]).toEqual(before);
    }
  });

  test("giving back the same hit twice undoes it once", async () => {
    const window = fresh({ limit: 10, cost: 2 });
    const first = await hit(window);
    await hit(window);
    await counters.giveBack(first);
    await counters.giveBack(first);
    expect((await look(window))?.remaining).toBe(8);
  });

  test("giving back a cost that no longer counts does not lower any counter", async () => {
    const window = fresh({ limit: 10, cost: 2 });
    const early = [await hit(window), await hit(window)];
    clock.nowMs += window.durationMs;
    expect((await look(window))?.remaining).toBe(10);
    for (const given of early.slice(0, 1)) await counters.giveBack(given);
    expect((await look(window))?.remaining).toBe(10);
    await hit(window);
    for (const given of early) await counters.giveBack(given);
    expect((await look(window))?.remaining).toBe(8);
  });

  test("giving back removes the cost, even if its entry was merged with another", async () => {
    const window = fresh({ limit: 10_000, durationMs: 60_000 });
    const hits: Hit[] = [];
    for (let i = 0; i < 50; i += 1) {
      hits.push(await hit({ ...window, cost: i + 1 }));
      clock.nowMs += 700;
    }
    for (const [i, given] of hits.entries()) if (i % 2 === 0) await counters.giveBack(given);
    // Hits with an odd cost were given back. The even costs still count: 2 + 4 + … + 50 = 650.
    expect((await look(window))?.remaining).toBe(10_000 - 650);
  });

  test("a window whose latest cost was given back is empty again when its earlier costs expire", async () => {
    const window = fresh({ limit: 5, durationMs: 60_000 });
    const emptyAtMs = clock.nowMs + 60_000;
    await hit(window);
    clock.nowMs += 30_000;
    await counters.giveBack(await hit(window));
    expect(await look(window)).toEqual({ passed: true, remaining: 4, resetInMs: emptyAtMs - clock.nowMs });
  });
});
