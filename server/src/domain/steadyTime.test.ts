import { expect, test } from "bun:test";
import { steadyTime } from "./steadyTime.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

test("for an hour after the clock was set, nothing is deleted by age", () => {
  for (const byMs of [hourMs, -hourMs, 9 * 365 * 24 * hourMs, 61_000]) {
    const clock = { wallMs: 1_760_000_000_000, passedMs: 0 };
    const read = steadyTime(
      () => clock.wallMs,
      () => clock.passedMs,
    );
    /**
     * Reads once a minute, while the wall clock gains 20 ms a minute. Returns for each reading whether it was the time.
     */
    const minutes = (count: number): boolean[] =>
      Array.from({ length: count }, () => {
        clock.wallMs += minuteMs + 20;
        clock.passedMs += minuteMs;
        return read() === clock.wallMs;
      });
    const hourUnread = [...Array.from({ length: 59 }, () => false), true];
    expect(minutes(60)).toEqual(hourUnread);
    expect(minutes(300)).not.toContain(false);
    clock.wallMs += byMs;
    expect(read()).toBeUndefined();
    expect(minutes(30)).not.toContain(true);
    clock.wallMs -= byMs;
    expect(read()).toBeUndefined();
    expect(minutes(60)).toEqual(hourUnread);
  }
});
