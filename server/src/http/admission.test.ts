import { describe, expect, test } from "bun:test";
import { Failure } from "../errors/failure.ts";
import { bodyBudget, type Door, doors, kindOf, overloadReport, through } from "./admission.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
/** Waits until all admitted calls have started. A few of them start in each turn of the event loop. */
const manyTurns = async () => {
  for (let index = 0; index < 300; index += 1) await turn();
};

function open() {
  const clock = { nowMs: 0 };
  const metrics = new Map<string, () => unknown>();
  const logged: string[] = [];
  const options = {
    nowMs: () => clock.nowMs,
    metrics: {
      gauge: (name: string, _: string, read: () => unknown) => void metrics.set(name, read),
      counter: (name: string, _: string, read: () => unknown) => void metrics.set(name, read),
    },
    log: (_: unknown, event: string) => void logged.push(event),
  };
  const report = overloadReport(options);
  const all = doors({ ...options, report });
  return { ...all, report, clock, logged, metric: (name: string) => metrics.get(name)?.() };
}

/** Whether the door admits a call. An admitted call stays in flight. */
function enters(door: Door): boolean {
  try {
    void door.enter();
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "server_overloaded") return false;
    throw error;
  }
}

const enterMany = (door: Door, count: number) =>
  Array.from({ length: count }, () => enters(door)).filter(Boolean).length;

describe("a server", () => {
  test("has at most 256 changes in flight and refuses the next one, before and after reading its body", async () => {
    const { changes, metric } = open();
    expect(enterMany(changes, 200)).toBe(200);
    await manyTurns();
    expect(enterMany(changes, 1_000)).toBe(56);
    expect(() => changes.check()).toThrow(Failure);
    expect(metric("latchkey_changes_in_flight")).toBe(256);
    expect(metric("latchkey_overload_refusals_total")).toBe(945);
  });

  test("says in a refusal when to retry", () => {
    const { changes } = open();
    enterMany(changes, 256);
    try {
      changes.check();
      expect.unreachable();
    } catch (error) {
      expect((error as Failure).headers).toEqual({ "Retry-After": "1" });
    }
  });

  test("works on 64 changes at a time and starts the next one when one is done, in the order of arrival", async () => {
    const { changes } = open();
    const begun: number[] = [];
    for (let index = 0; index < 70; index += 1) void changes.enter()?.then(() => begun.push(index));
    await manyTurns();
    expect(begun).toEqual(Array.from({ length: 64 }, (_, index) => index));
    changes.leave();
    changes.leave();
    await manyTurns();
    expect(begun.slice(64)).toEqual([64, 65]);
    for (let index = 0; index < 68; index += 1) changes.leave();
    await manyTurns();
    expect(begun.at(-1)).toBe(69);
  });

  test("admits as many calls as at the start when every call is done", async () => {
    const { changes, metric } = open();
    for (let round = 0; round < 3; round += 1) {
      expect(enterMany(changes, 300)).toBe(256);
      await manyTurns();
      for (let left = 0; left < 256; left += 1) {
        changes.leave();
        await turn();
      }
      expect(metric("latchkey_changes_in_flight")).toBe(0);
    }
  });

  test("that is full of changes still takes decisions and looks, and one that is full of looks still takes changes", async () => {
    const { changes, looks, decisions } = open();
    enterMany(changes, 300);
    await manyTurns();
    expect(enters(changes)).toBe(false);
    expect(enterMany(decisions, 1_000)).toBe(1_000);
    expect(enterMany(looks, 256)).toBe(256);
    const other = open();
    enterMany(other.looks, 300);
    expect(enters(other.looks)).toBe(false);
    expect(enters(other.changes)).toBe(true);
  });

  test("no longer counts a call as in flight when it is over, however it ended", async () => {
    const all = open();
    const fail = () => {
      throw new Error("no");
    };
    const endings: (() => unknown)[] = [() => 1, async () => 1, fail, async () => fail()];
    for (const kind of ["decisions", "changes", "looks"] as const) {
      for (const ending of endings) {
        const work = async (count: number) => through(all[kind], ending, undefined, count);
        await work(1).catch(() => undefined);
        if (kind === "decisions") await work(100).catch(() => undefined);
        expect([kind, all[kind].inFlight()]).toEqual([kind, 0]);
      }
    }
  });

  test("has at most 4,096 decisions in flight", () => {
    const { decisions } = open();
    expect(enterMany(decisions, 5_000)).toBe(4_096);
    decisions.leave();
    expect(enterMany(decisions, 2)).toBe(1);
  });

  test("counts a batch of decisions by its entries, and refuses it as a whole", () => {
    const { decisions } = open();
    enterMany(decisions, 4_000);
    expect(() => through(decisions, () => 1, undefined, 97)).toThrow(Failure);
    expect(decisions.inFlight()).toBe(4_000);
    void through(decisions, () => new Promise(() => undefined), undefined, 96);
    expect(enters(decisions)).toBe(false);
  });

  test("queues no call behind a change that has waited for more than a second", async () => {
    const { changes, clock } = open();
    enterMany(changes, 65);
    await manyTurns();
    clock.nowMs = 1_000;
    expect(enters(changes)).toBe(true);
    clock.nowMs = 1_001;
    expect(enters(changes)).toBe(false);
    changes.leave();
    await manyTurns();
    expect(enters(changes)).toBe(true);
  });

  test("starts at most 16 changes in a turn of the event loop, and only one per 64 decisions while those keep coming", async () => {
    const { changes, decisions } = open();
    let begun = 0;
    for (let index = 0; index < 60; index += 1) {
      void changes.enter()?.then(() => {
        begun += 1;
      });
    }
    for (let round = 0; round < 640; round += 1) {
      void decisions.enter();
      decisions.leave();
      await turn();
    }
    expect(begun).toBeGreaterThanOrEqual(9);
    expect(begun).toBeLessThanOrEqual(11);
    for (let known = begun; known < 60; known = begun) {
      await turn();
      expect(begun - known).toBeLessThanOrEqual(16);
    }
  });

  test("logs refusals once every 10 s, not one by one", () => {
    const { changes, clock, logged } = open();
    enterMany(changes, 1_000);
    expect(logged).toEqual(["overloaded"]);
    clock.nowMs = 10_000;
    enterMany(changes, 1_000);
    expect(logged).toHaveLength(2);
  });

  test("holds bodies up to the budget, and takes more when some are done", () => {
    const budget = bodyBudget(100);
    budget.take(60);
    expect(() => budget.take(41)).toThrow(Failure);
    budget.take(40);
    budget.giveBack(60);
    budget.take(60);
    expect(() => budget.take(1)).toThrow(Failure);
  });

  test("counts and logs a body that does not fit into memory like any other refused call", () => {
    const { report, metric, logged } = open();
    const budget = bodyBudget(100, () => report("bodies"));
    budget.take(100);
    expect(() => budget.take(1)).toThrow(Failure);
    expect(metric("latchkey_overload_refusals_total")).toBe(1);
    expect(logged).toEqual(["overloaded"]);
  });
});

test("verifications and limits are decisions, operations that write are changes, and the rest are looks", async () => {
  const { operations } = await import("../operations/index.ts");
  const named = (kind: string) => operations.filter((one) => kindOf(one) === kind).map(({ name }) => name);
  expect(named("decisions").sort()).toEqual([
    "credits.release",
    "credits.reserve",
    "credits.settle",
    "keys.verifyKey",
    "keys.verifyKeys",
    "ratelimit.limit",
    "ratelimit.multiLimit",
  ]);
  expect(named("changes")).toContain("keys.deleteKey");
  expect(named("looks")).toContain("identities.listIdentities");
  expect(named("looks").filter((name) => !/\.(get|list|whoami|explain)/.test(name))).toEqual([]);
});
