import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { backends, testCounters } from "../../test/backends.ts";
import { allOrNone, firstViolation, neverAboveTheLimit, soonEnough } from "../../test/model.ts";
import type { Space, Window } from "../domain/windows.ts";
import { counterKey } from "./counters.ts";

describe.each(backends)("counters in $name", (backend) => {
  const { clock, counters, histories, fresh, hit, passes, look } = testCounters(backend);

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

  test("if two windows of a call have the same counter, it counts both costs, and the second window sees the first cost", async () => {
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

  test("a new limit keeps the counter, and a lower limit removes no cost from it", async () => {
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
