import { afterEach, expect, test } from "bun:test";
import { type StopSignal, stopSignals } from "./stopSignals.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
afterEach(() => {
  for (const signal of signals) process.removeAllListeners(signal);
});

/** Sends signals at these times. Returns the first signal, and whether a second one was noticed. */
async function afterSignals(
  ...sent: readonly (readonly [atMs: number, signal: StopSignal])[]
): Promise<[first: StopSignal, hasSecond: boolean]> {
  let nowMs = 0;
  const { first, second } = stopSignals(undefined, () => nowMs);
  let hasSecond = false;
  void second.then(() => {
    hasSecond = true;
  });
  for (const [atMs, signal] of sent) {
    nowMs = atMs;
    process.emit(signal, signal);
  }
  const signal = await first;
  await Promise.resolve();
  return [signal, hasSecond];
}

test("the same signal twice within a second counts as one signal", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    expect(await afterSignals([0, signal], [999, signal])).toEqual([signal, false]);
    process.removeAllListeners(signal);
  }
});

test("the same signal after more than a second, or another signal at any time, counts as a second signal", async () => {
  expect(await afterSignals([0, "SIGTERM"], [1_000, "SIGTERM"])).toEqual(["SIGTERM", true]);
  process.removeAllListeners("SIGTERM");
  process.removeAllListeners("SIGINT");
  expect(await afterSignals([0, "SIGTERM"], [0, "SIGINT"])).toEqual(["SIGTERM", true]);
});
