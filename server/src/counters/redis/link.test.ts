import { expect, test } from "bun:test";
import { nextTryInMs } from "./link.ts";

test("a Redis that was available for a while is retried at once; otherwise each node retries with its own jitter", () => {
  const tries = (calmForMs: number) => Array.from({ length: 100 }, () => nextTryInMs(calmForMs));
  expect(new Set(tries(60_000))).toEqual(new Set([0]));
  const spread = tries(100);
  expect(Math.min(...spread)).toBeGreaterThanOrEqual(150);
  expect(Math.max(...spread)).toBeLessThanOrEqual(250);
  expect(new Set(spread).size).toBeGreaterThan(50);
});
