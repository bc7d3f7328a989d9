import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { base } from "../../../test/model.ts";
import type { Window } from "../../domain/windows.ts";
import type { WindowState } from "../counters.ts";
import { type JournaledCounters, journaledCounters } from "./journal.ts";
import { type MemoryCounters, memoryCounters } from "./memory.ts";

const HOUR_MS = 3_600_000;
const maxBytes = 64 * 2 ** 20;

let folder = "";
let path = "";
let problems: string[] = [];
const clock = { nowMs: 0 };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-journal-"));
  path = join(folder, "counters");
  problems = [];
  clock.nowMs = 1_750_000_000_000;
});
afterEach(() => rmSync(folder, { recursive: true }));

function openJournal(at = path): Promise<JournaledCounters> {
  const onProblem = (sentence: string): void => void problems.push(sentence);
  return journaledCounters({ path: at, nowMs: () => clock.nowMs, maxBytes, onProblem });
}

function windowOf(subject: string, change: Partial<Window> = {}): Window {
  return { ...base, subject, durationMs: HOUR_MS, limit: 1000, ...change };
}

function look(counters: MemoryCounters, window: Window): WindowState | undefined {
  return counters.hit([{ ...window, cost: 0 }]).windows[0];
}

/**
 * Calls `see` with the counters that a restart would restore if the process were killed now. The journal is unchanged.
 */
async function afterKill<T>(see: (counters: JournaledCounters) => T): Promise<T> {
  const copy = join(mkdtempSync(join(folder, "kill-")), "counters");
  for (const end of ["", ".new"]) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
  const counters = await openJournal(copy);
  const seen = see(counters);
  await counters.close();
  return seen;
}

describe("the journal", () => {
  test("a clean restart changes nothing, whatever happened before", async () => {
    const plain = memoryCounters({ nowMs: () => clock.nowMs, maxBytes });
    let journaled = await openJournal();
    const both = (act: (counters: JournaledCounters | MemoryCounters) => unknown): void => {
      expect(act(journaled)).toEqual(act(plain));
    };
    const afterwards: Record<string, (window: Window) => unknown> = {
      nothing: () => {},
      tick: () => journaled.tick(),
      giveBack: (window) => both((counters) => counters.giveBack(counters.hit([window, window]))),
      async restart() {
        await journaled.close();
        journaled = await openJournal();
      },
    };
    const step = fc.record({
      pauseMs: fc.oneof(fc.constant(0), fc.nat(90_000), fc.nat(2 * HOUR_MS)),
      subject: fc.constantFrom("a", "é", "日\ud800\u2028\n"),
      durationMs: fc.constantFrom(60_001, HOUR_MS, 2_592_000_000),
      cost: fc.oneof(fc.nat(5), fc.constant(2 ** 52)),
      afterwards: fc.constantFrom(...Object.keys(afterwards)),
    });
    const history = fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 60 }), async (run, steps) => {
      for (const { pauseMs, subject, durationMs, cost, ...one } of steps) {
        clock.nowMs += pauseMs;
        const window = windowOf(subject, { name: `${run}`, durationMs, cost, limit: 2 ** 53 - 1 });
        both((counters) => counters.hit([window]).windows);
        await afterwards[one.afterwards]?.(window);
        both((counters) => look(counters, window));
      }
    });
    await fc.assert(history, { numRuns: 60 });
    await journaled.close();
    expect(problems).toEqual([]);
  }, 30_000);

  test("restarts do not add entries to the log of a counter", async () => {
    const window = windowOf("full");
    let counters = await openJournal();
    for (let i = 0; i < 75; i += 1) {
      counters.hit([window]);
      const before = look(counters, window);
      await counters.close();
      counters = await openJournal();
      expect(look(counters, window)).toEqual(before);
      clock.nowMs += 20_001;
    }
    await counters.close();
    const [, line = ""] = readFileSync(path, "utf8").split("\n");
    expect(line.split(",").length).toBe(4 + 2 * 25);
    expect(problems).toEqual([]);
  }, 30_000);

  test("a kill loses nothing that the last tick wrote", async () => {
    const counters = await openJournal();
    const [a, b, c] = [windowOf("a"), windowOf("b"), windowOf("c")];
    counters.hit([a, b]);
    await counters.tick();
    const given = counters.hit([a]);
    counters.hit([c]);
    await counters.tick();
    expect(await afterKill((seen) => [a, b, c].map((window) => look(seen, window)?.remaining))).toEqual([
      998, 999, 999,
    ]);
    counters.giveBack(given);
    counters.hit([c]);
    expect(await afterKill((seen) => [a, b, c].map((window) => look(seen, window)?.remaining))).toEqual([
      998, 999, 999,
    ]);
    await counters.tick();
    expect(await afterKill((seen) => [a, b, c].map((window) => look(seen, window)?.remaining))).toEqual([
      999, 999, 998,
    ]);
    await counters.close();
    expect(problems).toEqual([]);
  }, 30_000);

  test("the journal forgets a counter whose last cost was given back", async () => {
    const counters = await openJournal();
    const hit = counters.hit([windowOf("a")]);
    await counters.tick();
    counters.giveBack(hit);
    for (let i = 0; i < 5000; i += 1) counters.hit([windowOf(`other${i}`)]);
    await counters.tick();
    expect(await afterKill((seen) => look(seen, windowOf("a"))?.remaining)).toBe(1000);
    await counters.close();
  }, 30_000);

  test("windows of up to a minute are not stored, and are empty after a restart", async () => {
    const counters = await openJournal();
    const [short, long] = [windowOf("a", { durationMs: 60_000 }), windowOf("a", { durationMs: 60_001 })];
    counters.hit([short, long]);
    await counters.close();
    const again = await openJournal();
    expect([look(again, short)?.remaining, look(again, long)?.remaining]).toEqual([1000, 999]);
    await again.close();
    expect(readFileSync(path, "utf8")).not.toContain("/60000/");
  }, 30_000);

  test("costs that no longer count do not come back, and take no space in the file", async () => {
    const counters = await openJournal();
    for (let i = 0; i < 1000; i += 1) counters.hit([windowOf(`${i}`)]);
    await counters.close();
    clock.nowMs += HOUR_MS;
    const again = await openJournal();
    expect(again.size()).toBe(0);
    await again.close();
    expect(statSync(path).size).toBeLessThan(100);
  }, 30_000);

  test.each([1, 24, 50_000])(
    "if the clock was set back by %p hours between two runs, no cost expires too early, or counts for longer than a duration",
    async (hours) => {
      const counters = await openJournal();
      counters.hit([windowOf("a", { cost: 2 })]);
      clock.nowMs += 120_000;
      counters.hit([windowOf("a", { cost: 3 })]);
      await counters.close();
      clock.nowMs -= hours * HOUR_MS;
      const again = await openJournal();
      expect(look(again, windowOf("a"))).toEqual({
        passed: true,
        remaining: 995,
        resetInMs: HOUR_MS,
      });
      clock.nowMs += HOUR_MS;
      expect(look(again, windowOf("a"))?.remaining).toBe(1000);
      await again.close();
    },
    30_000,
  );

  test("wherever a kill cuts the file off, the complete lines before that count, and there is no warning", async () => {
    const counters = await openJournal();
    const lengths = [statSync(path).size];
    for (let i = 0; i < 4; i += 1) {
      counters.hit([windowOf("a"), windowOf(`é${i}`)]);
      await counters.tick();
      lengths.push(statSync(path).size);
    }
    const whole = readFileSync(path);
    await counters.close();
    for (let length = 0; length <= whole.length; length += 1) {
      const cut = join(folder, "cut");
      writeFileSync(cut, whole.subarray(0, length));
      const expected = lengths.filter((end) => end <= length).length - 1;
      const torn = await openJournal(cut);
      expect(look(torn, windowOf("a"))?.remaining).toBe(1000 - Math.max(0, expected));
      torn.hit([windowOf("a")]);
      await torn.close();
      if (length % 10 !== 0) continue;
      const again = await openJournal(cut);
      expect(look(again, windowOf("a"))?.remaining).toBe(1000 - Math.max(0, expected) - 1);
      await again.close();
    }
    expect(problems).toEqual([]);
  }, 30_000);

  test("a damaged file is set aside with a warning, and its readable lines count", async () => {
    const counters = await openJournal();
    for (let i = 0; i < 3; i += 1) {
      counters.hit([windowOf(`${i}`)]);
      await counters.tick();
    }
    const whole = readFileSync(path);
    await counters.close();
    const lineOfByte = (at: number): number => whole.subarray(0, at).filter((byte) => byte === 10).length - 1;
    for (let at = 0; at < whole.length - 1; at += 1) {
      const flipped = Buffer.from(whole);
      flipped[at] = (whole[at] ?? 0) ^ (1 << (at % 8));
      const damaged = join(mkdtempSync(join(folder, "damaged-")), "counters");
      writeFileSync(damaged, flipped);
      problems = [];
      const again = await openJournal(damaged);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toContain("is damaged");
      const aside = readdirSync(dirname(damaged)).find((name) => name.includes(".damaged-")) ?? "";
      expect(readFileSync(join(dirname(damaged), aside))).toEqual(flipped);
      const line = lineOfByte(at);
      const kept = [0, 1, 2].map((i) => look(again, windowOf(`${i}`))?.remaining);
      // If the damaged byte is the newline at the end of a line, the next line is unreadable, too.
      const lost = (i: number) => line < 0 || i === line || (whole[at] === 10 && i === line + 1);
      expect(kept).toEqual([0, 1, 2].map((i) => (lost(i) ? 1000 : 999)));
      await again.close();
      if (at % 10 !== 0) continue;
      problems = [];
      await (await openJournal(damaged)).close();
      expect(problems).toEqual([]);
    }
  }, 30_000);

  test("the file stays below five times the size that its counters need, however often they change, and a kill during a rewrite loses nothing", async () => {
    const counters = await openJournal();
    const windows = Array.from({ length: 40_000 }, (_, i) => windowOf(`subject ${i}`));
    for (const window of windows) counters.hit([window]);
    await counters.tick();
    const wholeBytes = statSync(path).size;
    let rewritten = 0;
    for (let round = 2; round <= 8; round += 1) {
      for (const window of windows.slice(0, 20_000)) counters.hit([window]);
      const before = statSync(path).ino;
      await counters.tick();
      if (statSync(path).ino !== before) rewritten += 1;
      expect(statSync(path).size).toBeLessThan(5 * wholeBytes);
      const some = windows.filter((_, i) => i % 997 === 0);
      const seen = await afterKill((again) => some.map((window) => look(again, window)?.remaining));
      expect(seen).toEqual(some.map((window) => look(counters, window)?.remaining));
    }
    expect(rewritten).toBeGreaterThan(0);
    await counters.close();
    expect(existsSync(`${path}.new`)).toBe(false);
    expect(problems).toEqual([]);
  }, 30_000);

  test("a long tick does not block anything else", async () => {
    const counters = await openJournal();
    for (let i = 0; i < 20_000; i += 1) counters.hit([windowOf(`${i}`)]);
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 0);
    await counters.tick();
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
    expect(readFileSync(path, "utf8").split("\n").length).toBe(2 + Math.ceil(20_000 / 256));
    await counters.close();
  }, 30_000);

  test("while the file cannot be written, counting continues with one warning, and once it can be written, it gets everything", async () => {
    path = join(folder, "missing", "counters");
    const counters = await openJournal();
    for (let i = 0; i < 5; i += 1) {
      expect(counters.hit([windowOf("a")]).passed).toBe(true);
      await counters.tick();
    }
    expect(problems).toHaveLength(1);
    mkdirSync(dirname(path));
    await Promise.all([counters.tick(), counters.tick()]);
    expect(await afterKill((seen) => look(seen, windowOf("a"))?.remaining)).toBe(995);
    await counters.close();
    expect(problems).toHaveLength(1);
  }, 30_000);

  test("a file that cannot be read does not prevent the start", async () => {
    mkdirSync(path);
    const counters = await openJournal();
    expect(counters.hit([windowOf("a")]).passed).toBe(true);
    await counters.tick();
    await counters.close();
    expect(problems[0]).toContain("cannot be read");
    expect(problems[0]).toContain("move it away");
    expect(problems[0]).not.toContain("was renamed");
    expect(readdirSync(path)).toEqual([]);
  }, 30_000);

  test("after kill -9 everything that a finished tick wrote is read", async () => {
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../../../test/journal.child.ts"), path],
      {
        stdout: "pipe",
      },
    );
    const reader = child.stdout.getReader();
    let said = "";
    while (!said.includes("ticked 30\n")) said += new TextDecoder().decode((await reader.read()).value);
    child.kill("SIGKILL");
    for (let read = await reader.read(); !read.done; read = await reader.read())
      said += new TextDecoder().decode(read.value);
    await child.exited;
    const ticked = Math.max(
      ...said
        .trim()
        .split("\n")
        .map((line) => Number(line.slice("ticked ".length)) || 0),
    );
    clock.nowMs = Date.now();
    const counters = await openJournal();
    const remaining = look(counters, windowOf("killed", { limit: 1_000_000 }))?.remaining ?? 0;
    expect(1_000_000 - remaining).toBeGreaterThanOrEqual(ticked);
    await counters.close();
    expect(problems).toEqual([]);
  }, 30_000);
});
