import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  allOrNone,
  base,
  type Clock,
  firstViolation,
  neverAboveTheLimit,
  play,
  soonEnough,
} from "../../test/model.ts";
import { type Services, startServices } from "../../test/services.ts";
import type { Space, Window } from "../domain/windows.ts";
import { type Counters, counterKey, type Hit } from "./counters.ts";
import { memoryCounters } from "./memory/memory.ts";
import { redisCounters } from "./redis/redis.ts";

/**
 * The backends on which every test below runs. `clock` is the time that the backend sees. Some tests play random
 * histories, which are sequences of hits from `test/model.ts`. `part` is the share of them that a backend plays: slower
 * backends play fewer.
 */
const backends: { name: string; part: number; open: (clock: Clock) => Counters | Promise<Counters> }[] = [
  {
    name: "memory",
    part: 1,
    open: (clock) => memoryCounters({ nowMs: () => clock.nowMs, maxBytes: 256 * 2 ** 20 }),
  },
  { name: "Redis", part: 1 / 50, open: inRedis },
  { name: "memory while Redis is unreachable", part: 1 / 10, open: withoutRedis },
];

let redis: Services | undefined;
afterAll(() => redis?.stop());

/** Opens counters in Redis. If they ever decide without Redis, they throw, so the test fails. */
async function inRedis(clock: Clock): Promise<Counters> {
  redis = await startServices("redis");
  const elsewhere = (): never => {
    throw new Error("decided without Redis");
  };
  return redisCounters({
    url: redis.environment["TEST_REDIS_URL"] ?? "",
    deadlineMs: 10_000,
    monotonicMs: () => clock.nowMs,
    redisNowMs: () => clock.nowMs,
    liveNodes: () => 1,
    maxLocalBytes: 2 ** 20,
    newId: () => "test",
    onLoss: elsewhere,
    onLocalDecision: elsewhere,
    onDown: elsewhere,
    onBack: elsewhere,
  });
}

/** Opens counters whose Redis is down, so that this process decides alone. */
async function withoutRedis(clock: Clock): Promise<Counters> {
  return redisCounters({
    url: "redis://127.0.0.1:1",
    deadlineMs: 25,
    monotonicMs: () => clock.nowMs,
    liveNodes: () => 1,
    maxLocalBytes: 256 * 2 ** 20,
    newId: () => "test",
    onLoss: () => {},
    onLocalDecision: () => {},
    onDown: () => {},
    onBack: () => {},
  });
}

describe.each(backends)("counters in $name", ({ open, part }) => {
  const clock: Clock = { nowMs: 1_750_000_000_000 };
  let counters: Counters;
  beforeAll(async () => {
    counters = await open(clock);
  });
  afterAll(() => counters.close());

  /** Returns the seeds for which this backend runs random histories: the first `part` of `count` seeds, starting at `from`. */
  const histories = (from: number, count: number) => ({ from, to: from - 1 + Math.ceil(count * part) });

  let subjects = 0;
  const fresh = (change: Partial<Window> = {}): Window => {
    subjects += 1;
    return { ...base, subject: `fresh${subjects}`, ...change };
  };
  const hit = async (...windows: Window[]): Promise<Hit> => counters.hit(windows);
  const passes = async (...windows: Window[]): Promise<boolean> => (await counters.hit(windows)).passed;
  /** Reads the state of a window by a hit with a cost of 0, which changes nothing. */
  const look = async (window: Window) => (await counters.hit([{ ...window, cost: 0 }])).windows[0];

  test("no window ever counts more than its limit, in random histories", async () => {
    expect(await firstViolation(counters, clock, histories(1, 100_000), neverAboveTheLimit)).toBeUndefined();
  }, 60_000);

  test("no window ever counts more than its limit, in histories that fill the longest log", async () => {
    const dense = { ...histories(200_001, 500), steps: 400, dense: true };
    expect(await firstViolation(counters, clock, dense, neverAboveTheLimit)).toBeUndefined();
  }, 60_000);

  test("a call passes, and a counter resets, at most duration/60 later than with an exact log", async () => {
    expect(await firstViolation(counters, clock, histories(300_001, 30_000), soonEnough)).toBeUndefined();
    const dense = { ...histories(400_001, 300), steps: 400, dense: true };
    expect(await firstViolation(counters, clock, dense, soonEnough)).toBeUndefined();
  }, 60_000);

  test("a call passes if all its windows have room, and only then counts in all of them", async () => {
    expect(await firstViolation(counters, clock, histories(500_001, 10_000), allOrNone)).toBeUndefined();
  }, 60_000);

  test("a single cost stops counting exactly one duration later, to the millisecond", async () => {
    for (const durationMs of [1000, 1003, 59_999, 60_000, 86_400_000, 2_592_000_000]) {
      const window = fresh({ durationMs, limit: 1 });
      expect(await passes(window)).toBe(true);
      clock.nowMs += durationMs - 1;
      expect(await passes(window)).toBe(false);
      clock.nowMs += 1;
      expect(await passes(window)).toBe(true);
    }
  });

  test("calls that stay within the limit in every span of duration + duration/60 are never refused", async () => {
    const window = fresh({ durationMs: 60_000, limit: 60 });
    // One call every 1,017 ms: no span of 61 s, which is duration + duration/60, has more than the allowed 60 calls.
    for (let i = 0; i < 600; i += 1) {
      expect(await passes(window)).toBe(true);
      clock.nowMs += 1017;
    }
  });

  test("a refused call changes no counter", async () => {
    const [free, full] = [fresh({ limit: 10, cost: 3 }), fresh({ limit: 3, cost: 3 })];
    await hit(free, full);
    clock.nowMs += 400;
    const before = [await look(free), await look(full)];
    const refused = await hit(free, full);
    expect(refused.passed).toBe(false);
    expect(refused.windows.map((window) => window.passed)).toEqual([true, false]);
    expect(refused.windows.map((window) => window.remaining)).toEqual([7, 0]);
    expect([await look(free), await look(full)]).toEqual(before);
    await counters.giveBack(refused);
    expect([await look(free), await look(full)]).toEqual(before);
  });

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

  test("giving back the same hit twice gives back once", async () => {
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

  test("a counter that is named twice in one call counts both costs, and the second sees the first", async () => {
    const window = fresh({ limit: 5, cost: 2 });
    const passed = await hit(window, { ...window, cost: 3 });
    expect(passed.windows.map((one) => one.remaining)).toEqual([0, 0]);
    const other = fresh({ limit: 5, cost: 3 });
    const refused = await hit(other, other);
    expect(refused.passed).toBe(false);
    expect(refused.windows.map((one) => one.passed)).toEqual([true, false]);
    expect(refused.windows.map((one) => one.remaining)).toEqual([5, 5]);
    await counters.giveBack(passed);
    expect((await look(window))?.remaining).toBe(5);
  });

  test("a cost of `remaining` passes, and one more is refused", async () => {
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
      // the hit is sent twice, since a backend may remember the first refusal and repeat it
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

  test("a window whose latest cost was given back is empty again when its earlier costs expire", async () => {
    const window = fresh({ limit: 5, durationMs: 60_000 });
    const emptyAtMs = clock.nowMs + 60_000;
    await hit(window);
    clock.nowMs += 30_000;
    await counters.giveBack(await hit(window));
    expect(await look(window)).toEqual({ passed: true, remaining: 4, resetInMs: emptyAtMs - clock.nowMs });
  });

  test("a new limit keeps the counter, and a lower one takes back no cost", async () => {
    const window = fresh({ limit: 10, cost: 8 });
    await hit(window);
    const lowered = { ...window, limit: 5, cost: 0 };
    expect((await hit(lowered)).windows[0]).toMatchObject({ passed: false, remaining: 0 });
    expect((await look({ ...window, limit: 100 }))?.remaining).toBe(92);
    expect((await look({ ...window, limit: 8 }))?.passed).toBe(true);
  });

  test("a new duration, name, subject, workspace or space starts an empty counter", async () => {
    const window = fresh({ limit: 1 });
    await hit(window);
    const others: Partial<Window>[] = [
      { durationMs: window.durationMs + 1 },
      { name: "other" },
      { subject: `${window.subject}0` },
      { workspaceId: "ws_2" },
      { space: "identity" },
    ];
    for (const change of others) expect(await passes({ ...window, ...change })).toBe(true);
    expect(await passes(window)).toBe(false);
  });

  test("costs and limits up to 2^53 - 1 are counted exactly", async () => {
    const limit = Number.MAX_SAFE_INTEGER;
    const window = fresh({ limit, durationMs: 60_000 });
    expect(await passes({ ...window, cost: limit - 2 })).toBe(true);
    expect(await passes({ ...window, cost: 3 })).toBe(false);
    expect(await passes({ ...window, cost: limit })).toBe(false);
    clock.nowMs += 5000;
    expect(await passes({ ...window, cost: 1 })).toBe(true);
    expect((await look(window))?.remaining).toBe(1);
    expect(await passes(window, window)).toBe(false);
    expect(await passes(window)).toBe(true);
    clock.nowMs += 55_000;
    expect((await look(window))?.remaining).toBe(limit - 2);
  });

  test("a limit of 0 refuses every cost, and passes a cost of 0", async () => {
    const window = fresh({ limit: 0 });
    expect((await hit(window)).windows).toEqual([{ passed: false, remaining: 0, resetInMs: 10_000 }]);
    expect((await look(window))?.passed).toBe(true);
  });

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

  test("subjects that differ in any character are different counters", async () => {
    const odd = [
      "",
      "\0",
      "\0\0",
      "a",
      "a\0",
      "é",
      "\u00e9\u0000",
      "\u0100",
      "\ud800",
      "\udbff",
      "\ufffd",
      "aé",
      "a\u0100",
    ];
    const long = [59, 60, 61, 119, 120, 121, 5000].flatMap((length) => [
      "x".repeat(length),
      "é".repeat(length),
      "日".repeat(length),
    ]);
    const windows = [...odd, ...long].map((subject) => fresh({ subject: `odd ${subject}`, limit: 1 }));
    for (const window of windows) expect(await passes(window)).toBe(true);
    for (const window of windows) expect(await passes(window)).toBe(false);
  });
});

/**
 * Wraps counters. Each hit is preceded by a peek, which must predict the hit's result. Each hit is then repeated for a
 * second set of subjects, without a peek. Both hits must have the same result, so the peeks have changed nothing.
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

test("two different counters never have the same key", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("/", "1", "0", "a", "k") }));
  const durationMs = fc.oneof(fc.integer({ min: 1000, max: 2_592_000_000 }), fc.constantFrom(1000, 10_000));
  const space = fc.constantFrom<Space>("key", "identity", "namespace", "workspace", "address");
  const window = fc.record({
    space,
    workspaceId: text,
    subject: text,
    name: text,
    durationMs,
    limit: fc.nat(),
    cost: fc.nat(),
  });
  const identity = (one: Window) => [one.space, one.workspaceId, one.subject, one.name, one.durationMs];
  fc.assert(
    fc.property(window, window, (one, other) => {
      const same = JSON.stringify(identity(one)) === JSON.stringify(identity(other));
      return (counterKey(one) === counterKey(other)) === same;
    }),
    { numRuns: 5000 },
  );
  // The fields of both windows are cut from one text at different places, so joining the fields without lengths would
  // often give both the same key.
  fc.assert(
    fc.property(window, text, fc.nat(60), fc.nat(60), (one, all, a, b) => {
      const cut = (i: number, j: number) => ({
        ...one,
        workspaceId: all.slice(0, i),
        name: all.slice(i, j),
        subject: all.slice(j),
      });
      const [i, j] = [a % (all.length + 1), b % (all.length + 1)];
      const [left, right] = [cut(Math.min(i, j), Math.max(i, j)), cut(0, Math.min(i, j))];
      const same = JSON.stringify(identity(left)) === JSON.stringify(identity(right));
      return (counterKey(left) === counterKey(right)) === same;
    }),
    { numRuns: 5000 },
  );
});
