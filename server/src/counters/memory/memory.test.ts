import { describe, expect, test } from "bun:test";
import { base, play } from "../../../test/model.ts";
import type { Window } from "../../domain/windows.ts";
import { type MemoryCounters, memoryCounters } from "./memory.ts";

const MIB = 2 ** 20;
const START_MS = 1_750_000_000_000;

type Forgotten = { live: number; runOut: number };

function openMemory(maxBytes: number) {
  const clock = { nowMs: START_MS };
  const forgotten: Forgotten = { live: 0, runOut: 0 };
  const onEvict = (count: number, live: boolean): void => {
    forgotten[live ? "live" : "runOut"] += count;
  };
  return { clock, forgotten, counters: memoryCounters({ nowMs: () => clock.nowMs, maxBytes, onEvict }) };
}

/** A window whose key has 40 characters. */
function windowOf(subject: string, change: Partial<Window> = {}): Window {
  return { ...base, durationMs: 60_000, name: "", subject: subject.padStart(16, "."), ...change };
}

function remainingOf(counters: MemoryCounters, window: Window): number | undefined {
  return counters.hit([{ ...window, cost: 0 }]).windows[0]?.remaining;
}

describe("memory", () => {
  test("a counter takes less than 200 bytes with 1 entry, 400 bytes with 3, and 1,000 bytes with 62, the maximum", () => {
    for (const [entries, most] of [
      [1, 200],
      [3, 400],
      [62, 1000],
    ] as const) {
      const { clock, counters } = openMemory(64 * MIB);
      const before = counters.bytes();
      for (let entry = 0; entry < entries; entry += 1) {
        for (let i = 0; i < 5000; i += 1) counters.hit([windowOf(`${i}`, { limit: 1000 })]);
        clock.nowMs += 1001;
      }
      expect(counters.size()).toBe(5000);
      expect((counters.bytes() - before) / 5000).toBeLessThan(most);
    }
  }, 30_000);

  test("a peek creates no counter and takes no memory", () => {
    const { counters } = openMemory(MIB);
    counters.hit([windowOf("a")]);
    const before = [counters.size(), counters.bytes()];
    for (let i = 0; i < 1000; i += 1) counters.peek([windowOf("a"), windowOf(`${i}`)]);
    expect([counters.size(), counters.bytes()]).toEqual(before);
  });

  test("the counters stay below their memory limit, however many identifiers there are", () => {
    const { clock, forgotten, counters } = openMemory(MIB);
    for (let i = 0; i < 30_000; i += 1) {
      const windows = [windowOf(`a${i}`), windowOf(`b${i % 7919}`, { limit: 1000 }), windowOf(`c${i % 13}`)];
      counters.hit(windows.slice(0, 1 + (i % 3)));
      if (i % 5 === 0) clock.nowMs += 1;
      if (counters.bytes() > MIB) throw new Error(`${counters.bytes()} bytes after ${i}`);
    }
    expect(counters.size()).toBeGreaterThan(4000);
    expect(forgotten.live).toBeGreaterThan(10_000);
  }, 30_000);

  test("expired counters are evicted before live ones", () => {
    const { clock, forgotten, counters } = openMemory(256 * 1024);
    const [short = [], long = []] = [1000, 60_000].map((durationMs) =>
      Array.from({ length: 510 }, (_, i) => windowOf(`${durationMs} ${i}`, { durationMs })),
    );
    for (const [i, window] of short.entries()) counters.hit([window, ...long.slice(i, i + 1)]);
    expect(forgotten).toEqual({ live: 0, runOut: 0 });
    clock.nowMs += 2000;
    // a second hit, so that the logs of these counters grow
    for (const window of long) counters.hit([window]);
    expect(forgotten.runOut).toBeGreaterThan(200);
    expect(forgotten.live).toBe(0);
    for (const window of long) expect(remainingOf(counters, window)).toBe(8);
  }, 30_000);

  test("of live counters, the least used are evicted first", () => {
    const { forgotten, counters } = openMemory(256 * 1024);
    const filled = (cost: number) => (_: unknown, i: number) =>
      windowOf(`${cost}-${i}`, { limit: 100, cost });
    const groups = [10, 50, 90].map((cost) => Array.from({ length: 200 }, filled(cost)));
    for (const window of groups.flat()) counters.hit([window]);
    for (let i = 0; forgotten.live < 300; i += 1)
      counters.hit([windowOf(`new${i}`, { limit: 100, cost: 50 })]);
    const kept = groups.map((group) =>
      group.filter((window) => counters.hit([{ ...window, cost: 0 }]).windows[0]?.remaining !== 100),
    );
    // eviction checks only a sample of the counters, so a few of the least used remain
    expect(kept[0]?.length).toBeLessThan(20);
    expect(kept[2]).toHaveLength(200);
  }, 30_000);

  test("an exhausted limit is not evicted while another counter can be", () => {
    const { forgotten, counters } = openMemory(256 * 1024);
    const exhausted = Array.from({ length: 1015 }, (_, i) =>
      windowOf(`full${i}`, { limit: 1_000_003, cost: 1_000_003 }),
    );
    for (const window of exhausted) counters.hit([window]);
    for (let i = 0; i < 5000; i += 1) {
      counters.hit([windowOf(`almost${i}`, { limit: 1_000_003, cost: 999_000 })]);
    }
    expect(forgotten.live).toBeGreaterThan(4000);
    for (const window of exhausted) expect(counters.hit([{ ...window, cost: 1 }]).passed).toBe(false);
  }, 30_000);

  test("memory is freed when counters expire, and no counter is lost that still counts", () => {
    const { clock, forgotten, counters } = openMemory(64 * MIB);
    const empty = counters.bytes();
    for (let i = 0; i < 100_000; i += 1) counters.hit([windowOf(`${i}`)]);
    clock.nowMs += 30_000;
    for (let i = 0; i < 10_000; i += 1) counters.hit([windowOf(`${i}`)]);
    const full = counters.bytes();
    clock.nowMs += 60_000;
    for (let i = 0; i < 60_000; i += 1) {
      counters.hit([windowOf(`later${i}`, { durationMs: 1000 })]);
      clock.nowMs += 1;
    }
    expect(counters.size()).toBeLessThan(5000);
    expect(counters.bytes() - empty).toBeLessThan((full - empty) / 5);
    expect(forgotten).toEqual({ live: 0, runOut: 0 });
  }, 30_000);

  test("after any history, even at the memory limit, there is space for as many counters as in the beginning", async () => {
    const { clock, forgotten, counters } = openMemory(256 * 1024);
    const countersThatFit = (name: string): number => {
      const before = forgotten.live;
      let count = 0;
      for (; forgotten.live === before; count += 1) counters.hit([windowOf(`${name}${count}`)]);
      return count;
    };
    const inTheBeginning = countersThatFit("first");
    for (let seed = 1; seed <= 1000; seed += 1) {
      await play(counters, clock, seed, seed % 50 === 0 ? { steps: 400, dense: true } : {});
      if (seed % 10 === 0) countersThatFit(`after ${seed} `);
    }
    clock.nowMs += 2_592_000_000;
    expect(countersThatFit("last")).toBe(inTheBeginning);
  }, 30_000);

  test("giving back hits of evicted counters does not lower counters that were created since", () => {
    const { counters } = openMemory(256 * 1024);
    const windows = Array.from({ length: 1000 }, (_, i) => windowOf(`${i}`, { limit: 1000 }));
    const early = windows.map((window) => counters.hit([window]));
    for (let i = 0; i < 5000; i += 1) counters.hit([windowOf(`new ${i}`, { limit: 2 })]);
    for (const window of windows) expect(remainingOf(counters, window)).toBe(1000);
    for (const window of windows.slice(0, 100)) counters.hit([{ ...window, cost: 900 }]);
    const others = Array.from({ length: 1000 }, (_, i) => windowOf(`new ${4000 + i}`, { limit: 2 }));
    const before = others.map((other) => remainingOf(counters, other));
    expect(before.filter((remaining) => remaining === 1).length).toBeGreaterThan(700);
    for (const hit of early) counters.giveBack(hit);
    for (const window of windows.slice(0, 100)) expect(remainingOf(counters, window)).toBe(100);
    expect(others.map((other) => remainingOf(counters, other))).toEqual(before);
  }, 30_000);

  test("a counter whose log grows at the memory limit does not evict itself", () => {
    const { clock, forgotten, counters } = openMemory(256 * 1024);
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 900; i += 1) {
        expect(counters.hit([windowOf(`${i}`, { limit: 100 })]).windows[0]?.remaining).toBeLessThan(100);
      }
      clock.nowMs += 1001;
    }
    expect(forgotten.live).toBeGreaterThan(1000);
  }, 30_000);

  test("windows of one call that evict each other are all counted", () => {
    const { forgotten, counters } = openMemory(256 * 1024);
    for (let i = 0; i < 3000; i += 1) {
      const windows = Array.from({ length: 3 }, (_, k) =>
        windowOf(`${(i + k * 500) % 1500}`, { limit: 1000 }),
      );
      const { passed, receipt } = counters.hit(windows);
      expect(passed).toBe(true);
      if (i % 3 === 0) counters.giveBack({ passed, windows: [], receipt });
    }
    expect(forgotten.live).toBeGreaterThan(1000);
    for (let i = 0; i < 1500; i += 1)
      expect(remainingOf(counters, windowOf(`${i}`, { limit: 1000 }))).toBeLessThanOrEqual(1000);
  }, 30_000);

  test("a changed counter is reported once, and stays marked until it was reported", () => {
    const counters = memoryCounters({ nowMs: () => START_MS, maxBytes: MIB, recordAboveMs: 1000 });
    const changedKeys = (): string[] => [...counters.changed()].flat().map((record) => record.key);
    for (let i = 0; i < 600; i += 1) counters.hit([windowOf(`${i}`), windowOf(`${i}`, { durationMs: 1000 })]);
    const begun: string[] = [];
    for (const records of counters.changed()) {
      begun.push(...records.map((record) => record.key));
      break;
    }
    for (let i = 0; i < 600; i += 1) counters.hit([windowOf(`${i}`, { cost: 0 })]);
    const rest = changedKeys();
    expect(new Set([...begun, ...rest]).size).toBe(600);
    expect(begun.length + rest.length).toBe(600);
    expect(changedKeys()).toEqual([]);
    const hit = counters.hit([windowOf("599")]);
    expect(changedKeys()).toHaveLength(1);
    counters.giveBack(hit);
    expect(changedKeys()).toHaveLength(1);
    expect([...counters.all()].flat()).toHaveLength(600);
  }, 30_000);

  test("if the clock is set back, time stands still until the clock passes the latest time again", () => {
    const { clock, counters } = openMemory(MIB);
    const window = windowOf("clock", { limit: 2 });
    const first = counters.hit([window]).windows[0]?.resetInMs;
    clock.nowMs -= 3_600_000;
    expect(counters.hit([window]).windows[0]?.resetInMs).toBe(first ?? 0);
    expect(counters.hit([window]).passed).toBe(false);
    clock.nowMs = START_MS + 60_000;
    expect(counters.hit([window]).passed).toBe(true);
  }, 30_000);

  test("a memory limit below 256 KiB and a key above 16,384 characters are refused", () => {
    expect(() => openMemory(256 * 1024 - 1)).toThrow(RangeError);
    const { counters } = openMemory(256 * 1024);
    expect(() => counters.hit([windowOf("x".repeat(16_384))])).toThrow(RangeError);
    const wide = windowOf("日".repeat(16_300), { limit: 1 });
    for (let i = 0; i < 100; i += 1) expect(counters.hit([{ ...wide, name: `${i}` }]).passed).toBe(true);
    expect(counters.hit([{ ...wide, name: "99" }]).passed).toBe(false);
  }, 30_000);
});
