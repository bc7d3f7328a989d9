import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Services, startServices } from "../../test/services.ts";
import { type Counters, counterKey, type Hit, type Space, type Window } from "./counters.ts";
import { memoryCounters } from "./memory.ts";
import {
  allOrNone,
  base,
  type Clock,
  firstViolation,
  neverAboveTheLimit,
  play,
  soonEnough,
} from "./model.ts";
import { redisCounters } from "./redis.ts";

/**
 * Every backend keeps every promise below; the clock is the one it decides by. `part`: of the histories, so many are
 * played.
 */
const backends: { name: string; part: number; open: (clock: Clock) => Counters | Promise<Counters> }[] = [
  {
    name: "memory",
    part: 1,
    open: (clock) => memoryCounters({ nowMs: () => clock.nowMs, maxBytes: 256 * 2 ** 20 }),
  },
  { name: "Redis", part: 1 / 50, open: inRedis },
];

let redis: Services | undefined;
afterAll(() => redis?.stop());

/** No decision may come from anywhere but Redis. */
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

describe.each(backends)("counters in $name", ({ open, part }) => {
  const clock: Clock = { nowMs: 1_750_000_000_000 };
  let counters: Counters;
  beforeAll(async () => {
    counters = await open(clock);
  });
  afterAll(() => counters.close());

  /** So many histories, from that one on. */
  const histories = (from: number, count: number) => ({ from, to: from - 1 + Math.ceil(count * part) });

  let subjects = 0;
  const fresh = (change: Partial<Window> = {}): Window => {
    subjects += 1;
    return { ...base, subject: `fresh${subjects}`, ...change };
  };
  const hit = async (...windows: Window[]): Promise<Hit> => counters.hit(windows);
  const passes = async (...windows: Window[]): Promise<boolean> => (await counters.hit(windows)).passed;
  /** What a caller sees of a counter, without moving it. */
  const look = async (window: Window) => (await counters.hit([{ ...window, cost: 0 }])).windows[0];

  test("no window ever holds more than the limit in force, in random histories", async () => {
    expect(await firstViolation(counters, clock, histories(1, 100_000), neverAboveTheLimit)).toBeUndefined();
  }, 60_000);

  test("no window ever holds more than the limit in force, in histories that fill the longest log", async () => {
    const dense = { ...histories(200_001, 500), steps: 400, dense: true };
    expect(await firstViolation(counters, clock, dense, neverAboveTheLimit)).toBeUndefined();
  }, 60_000);

  test("nothing is refused, and no reset is later, than an exact log does duration/60 later", async () => {
    expect(await firstViolation(counters, clock, histories(300_001, 30_000), soonEnough)).toBeUndefined();
    const dense = { ...histories(400_001, 300), steps: 400, dense: true };
    expect(await firstViolation(counters, clock, dense, soonEnough)).toBeUndefined();
  }, 60_000);

  test("a call is passed exactly when each of its windows is, and then takes from all of them", async () => {
    expect(await firstViolation(counters, clock, histories(500_001, 10_000), allOrNone)).toBeUndefined();
  }, 60_000);

  test("capacity is back one duration after a lone cost, to the millisecond", async () => {
    for (const durationMs of [1000, 1003, 59_999, 60_000, 86_400_000, 2_592_000_000]) {
      const window = fresh({ durationMs, limit: 1 });
      expect(await passes(window)).toBe(true);
      clock.nowMs += durationMs - 1;
      expect(await passes(window)).toBe(false);
      clock.nowMs += 1;
      expect(await passes(window)).toBe(true);
    }
  });

  test("traffic that leaves duration/60 of room is never refused", async () => {
    const window = fresh({ durationMs: 60_000, limit: 60 });
    // 60 per 61 s is the limit in every span of duration + duration/60.
    for (let i = 0; i < 600; i += 1) {
      expect(await passes(window)).toBe(true);
      clock.nowMs += 1017;
    }
  });

  test("a refused call moves no counter", async () => {
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

  test("a hit that is given back at once leaves every counter as it was", async () => {
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

  test("giving back what has stopped counting takes nothing from anybody", async () => {
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

  test("giving back removes what was taken, from whichever entry holds it by then", async () => {
    const window = fresh({ limit: 10_000, durationMs: 60_000 });
    const hits: Hit[] = [];
    for (let i = 0; i < 50; i += 1) {
      hits.push(await hit({ ...window, cost: i + 1 }));
      clock.nowMs += 700;
    }
    for (const [i, given] of hits.entries()) if (i % 2 === 0) await counters.giveBack(given);
    // What is left are the even costs, 2 + 4 + … + 50.
    expect((await look(window))?.remaining).toBe(10_000 - 650);
  });

  test("the same counter twice in one call is charged for both, the second sees the first", async () => {
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

  test("`remaining` passes and one more is refused", async () => {
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

  test("at `reset` a refused cost passes, a millisecond before it does not", async () => {
    const check = async (window: Window): Promise<void> => {
      for (const cost of [1, Math.ceil(window.limit / 2), window.limit]) {
        const { passed, windows, receipt } = await hit({ ...window, cost });
        await counters.giveBack({ passed, windows, receipt });
        if (passed || cost > window.limit) continue;
        const resetAtMs = windows[0]?.resetAtMs ?? 0;
        expect(resetAtMs).toBeGreaterThan(clock.nowMs);
        expect(resetAtMs).toBeLessThanOrEqual(clock.nowMs + window.durationMs);
        clock.nowMs = resetAtMs - 1;
        expect(await passes({ ...window, cost })).toBe(false);
        clock.nowMs = resetAtMs;
        expect(await passes({ ...window, cost })).toBe(true);
      }
    };
    const { from, to } = histories(610_001, 1000);
    for (let seed = from; seed <= to; seed += 1) await play(counters, clock, seed, {}, check);
  });

  test("of a passed hit, and of a cost above the limit, `reset` is when the window is empty again", async () => {
    const window = fresh({ limit: 5, cost: 2, durationMs: 60_000 });
    const tooMuch = { ...window, cost: 6 };
    expect((await hit(tooMuch)).windows).toEqual([{ passed: false, remaining: 5, resetAtMs: clock.nowMs }]);
    expect(await look(window)).toEqual({ passed: true, remaining: 5, resetAtMs: clock.nowMs });
    const emptyAtMs = clock.nowMs + 60_000;
    expect((await hit(window)).windows).toEqual([{ passed: true, remaining: 3, resetAtMs: emptyAtMs }]);
    clock.nowMs += 100;
    expect((await hit(tooMuch)).windows).toEqual([{ passed: false, remaining: 3, resetAtMs: emptyAtMs }]);
    clock.nowMs = emptyAtMs - 1;
    expect((await look(window))?.remaining).toBe(3);
    clock.nowMs = emptyAtMs;
    expect(await look(window)).toEqual({ passed: true, remaining: 5, resetAtMs: emptyAtMs });
  });

  test("a window whose youngest cost was given back is empty again when its older ones are", async () => {
    const window = fresh({ limit: 5, durationMs: 60_000 });
    const emptyAtMs = clock.nowMs + 60_000;
    await hit(window);
    clock.nowMs += 30_000;
    await counters.giveBack(await hit(window));
    expect(await look(window)).toEqual({ passed: true, remaining: 4, resetAtMs: emptyAtMs });
  });

  test("a new limit keeps the counter, and lowering it revokes nothing", async () => {
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

  test("a limit of 0 refuses every cost and passes a look", async () => {
    const window = fresh({ limit: 0 });
    expect((await hit(window)).windows).toEqual([{ passed: false, remaining: 0, resetAtMs: clock.nowMs }]);
    expect((await look(window))?.passed).toBe(true);
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

test("two counters share a key only when they are the same counter", () => {
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
  // The parts moved against each other: nothing but the lengths tells these apart.
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
