import { expect, test } from "bun:test";
import { steadyTime } from "./steadyTime.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

test("a clock that was set within the last hour deletes nothing, and an hour later it does again", () => {
  for (const byMs of [hourMs, -hourMs, 9 * 365 * 24 * hourMs, 61_000]) {
    const clock = { wallMs: 1_760_000_000_000, passedMs: 0 };
    const read = steadyTime(
      () => clock.wallMs,
      () => clock.passedMs,
    );
    /** Whether it could be read in each of so many minutes, while the wall clock gains 20 ms in each. */
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
