import { expect, test } from "bun:test";
import { nextTryInMs } from "./redisLink.ts";

test("a Redis that was there for a while is tried again at once, one that was not is tried at times of each node's own", () => {
  const tries = (calmForMs: number) => Array.from({ length: 100 }, () => nextTryInMs(calmForMs));
  expect(new Set(tries(60_000))).toEqual(new Set([0]));
  const spread = tries(100);
  expect(Math.min(...spread)).toBeGreaterThanOrEqual(150);
  expect(Math.max(...spread)).toBeLessThanOrEqual(250);
  expect(new Set(spread).size).toBeGreaterThan(50);
});
