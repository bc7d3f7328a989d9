import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Period, periodAt, periodFrom, periodUnits, type Schedule, timeZoneNamed } from "./periods.ts";

const at = (iso: string) => Date.parse(iso);
const shown = ({ startMs, endMs }: Period) => [startMs, endMs].map((ms) => new Date(ms).toISOString());
const calendar = (unit: Schedule["unit"], timeZone: string, every = 1): Schedule => ({
  unit,
  every,
  timeZone,
  anchor: "calendar",
});

test.each<[Schedule["unit"], string, string, string, string]>([
  ["hour", "UTC", "2026-01-15T12:34:56Z", "2026-01-15T12:00:00.000Z", "2026-01-15T13:00:00.000Z"],
  ["hour", "Asia/Kathmandu", "2026-01-15T12:34:56Z", "2026-01-15T12:15:00.000Z", "2026-01-15T13:15:00.000Z"],
  ["day", "Europe/Berlin", "2026-01-15T23:30:00Z", "2026-01-15T23:00:00.000Z", "2026-01-16T23:00:00.000Z"],
  ["week", "UTC", "2026-11-28T12:00:00Z", "2026-11-23T00:00:00.000Z", "2026-11-30T00:00:00.000Z"],
  ["week", "UTC", "2026-11-30T00:00:00Z", "2026-11-30T00:00:00.000Z", "2026-12-07T00:00:00.000Z"],
  [
    "month",
    "America/New_York",
    "2026-03-01T04:59:59Z",
    "2026-02-01T05:00:00.000Z",
    "2026-03-01T05:00:00.000Z",
  ],
  [
    "month",
    "America/New_York",
    "2026-03-15T00:00:00Z",
    "2026-03-01T05:00:00.000Z",
    "2026-04-01T04:00:00.000Z",
  ],
  ["year", "Asia/Tokyo", "2026-12-31T15:00:00Z", "2026-12-31T15:00:00.000Z", "2027-12-31T15:00:00.000Z"],
])(
  "on the calendar, the %s in %s that contains %s begins at %s and ends at %s",
  (unit, zone, now, start, end) => {
    expect(shown(periodAt(calendar(unit, zone), at(now)))).toEqual([start, end]);
  },
);

test.each([
  ["2026-03-29T12:00:00Z", 23],
  ["2026-10-25T12:00:00Z", 25],
  ["2026-06-01T12:00:00Z", 24],
])("the day in Berlin that contains %s has %d hours", (now, hours) => {
  const { startMs, endMs } = periodAt(calendar("day", "Europe/Berlin"), at(now));
  expect((endMs - startMs) / 3_600_000).toBe(hours);
});

describe("a local time that does not exist", () => {
  test("becomes the first instant after the gap", () => {
    const daily = { ...calendar("day", "Europe/Berlin"), anchor: at("2026-01-10T01:30:00Z") }; // 02:30 local time
    const gap = periodAt(daily, at("2026-03-29T06:00:00Z"));
    expect(shown(gap)).toEqual(["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]);
  });

  test("at midnight, makes the day begin when the gap ends", () => {
    const day = periodAt(calendar("day", "America/Sao_Paulo"), at("2018-11-04T12:00:00Z"));
    expect(shown(day)).toEqual(["2018-11-04T03:00:00.000Z", "2018-11-05T02:00:00.000Z"]);
  });

  test("for a whole day, does not make a period of length 0", () => {
    const before = periodAt(calendar("day", "Pacific/Apia"), at("2011-12-30T09:59:59Z"));
    expect(shown(before)).toEqual(["2011-12-29T10:00:00.000Z", "2011-12-30T10:00:00.000Z"]);
    expect(periodAt(calendar("day", "Pacific/Apia"), before.endMs).startMs).toBe(before.endMs);
  });
});

test("a local time that occurs twice means its first occurrence", () => {
  const daily = { ...calendar("day", "Europe/Berlin"), anchor: at("2026-01-10T01:30:00Z") };
  expect(shown(periodAt(daily, at("2026-10-25T12:00:00Z")))[0]).toBe("2026-10-25T00:30:00.000Z");
});

test("an anchor on the 31st is the last day of a short month, and does not drift", () => {
  const monthly: Schedule = { ...calendar("month", "UTC"), anchor: at("2026-01-31T10:00:00Z") };
  const starts: string[] = [];
  for (let { startMs, endMs } = periodAt(monthly, at("2026-01-31T10:00:00Z")); starts.length < 15; ) {
    starts.push(new Date(startMs).toISOString().slice(0, 10));
    ({ startMs, endMs } = periodAt(monthly, endMs));
  }
  expect(starts.slice(0, 4)).toEqual(["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]);
  expect(starts.slice(11)).toEqual(["2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"]);
});

test("a yearly anchor on February 29 is February 28 in other years", () => {
  const yearly: Schedule = { ...calendar("year", "UTC"), anchor: at("2024-02-29T00:00:00Z") };
  const starts = [2025, 2026, 2028].map((year) => periodAt(yearly, at(`${year}-06-01T00:00:00Z`)).startMs);
  expect(starts).toEqual([
    at("2025-02-28T00:00:00Z"),
    at("2026-02-28T00:00:00Z"),
    at("2028-02-29T00:00:00Z"),
  ]);
});

test("an anchor in the future has periods before it too", () => {
  const monthly: Schedule = { ...calendar("month", "UTC"), anchor: at("2030-05-15T00:00:00Z") };
  expect(shown(periodAt(monthly, at("2026-11-28T00:00:00Z")))).toEqual([
    "2026-11-15T00:00:00.000Z",
    "2026-12-15T00:00:00.000Z",
  ]);
});

test("periods of several hours begin anew at local midnight", () => {
  const schedule = calendar("hour", "Europe/Berlin", 7);
  const last = periodAt(schedule, at("2026-06-01T21:30:00Z")); // 23:30 local time
  expect(shown(last)).toEqual(["2026-06-01T19:00:00.000Z", "2026-06-01T22:00:00.000Z"]);
});

const zones = fc.constantFrom(...Intl.supportedValuesOf("timeZone"));
const instants = fc.integer({ min: at("1990-01-01T00:00:00Z"), max: at("2060-01-01T00:00:00Z") });
const units = fc.constantFrom(...periodUnits);

test("the periods of every schedule have no gaps, do not overlap and contain the instant", () => {
  const schedules = fc.record({
    unit: units,
    every: fc.integer({ min: 1, max: 24 }),
    timeZone: zones,
    anchor: fc.oneof(fc.constant("calendar" as const), instants),
  });
  fc.assert(
    fc.property(schedules, instants, (schedule, nowMs) => {
      const period = periodAt(schedule, nowMs);
      expect(period.startMs).toBeLessThanOrEqual(nowMs);
      expect(period.endMs).toBeGreaterThan(nowMs);
      expect(periodAt(schedule, period.startMs)).toEqual(period);
      expect(periodAt(schedule, period.endMs - 1)).toEqual(period);
      expect(periodAt(schedule, period.endMs).startMs).toBe(period.endMs);
    }),
    { numRuns: 1_000 },
  );
});

test("a calendar day, month or year is as long as clocks in its time zone show that date", () => {
  const dates = fc.constantFrom("day", "month", "year" as const);
  const formats = new Map<string, Intl.DateTimeFormat>();
  const dateAt = (atMs: number, unit: string, timeZone: string) => {
    const format =
      formats.get(timeZone) ?? new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" });
    formats.set(timeZone, format);
    return format.format(atMs).slice(0, { day: 10, month: 7, year: 4 }[unit]);
  };
  fc.assert(
    fc.property(dates, zones, instants, (unit, timeZone, nowMs) => {
      const { startMs, endMs } = periodAt(calendar(unit, timeZone), nowMs);
      const [before, first, now, last, after] = [startMs - 1, startMs, nowMs, endMs - 1, endMs].map((atMs) =>
        dateAt(atMs, unit, timeZone),
      );
      expect([first, last]).toEqual([now, now]);
      expect([before, after]).not.toContain(now);
    }),
    { numRuns: 1_000 },
  );
});

test("a period can begin at any instant, and the next begins when it ends", () => {
  const startMs = at("2026-01-31T10:20:30.456Z");
  const schedule = calendar("month", "UTC");
  expect(shown(periodFrom(schedule, startMs))).toEqual([
    "2026-01-31T10:20:30.456Z",
    "2026-02-28T10:20:30.456Z",
  ]);
});

test.each([
  ["Europe/Berlin", "Europe/Berlin"],
  ["europe/berlin", "Europe/Berlin"],
  ["UTC", "UTC"],
  ["Etc/GMT+5", "Etc/GMT+5"],
  ["+02:00", undefined],
  ["-05", undefined],
  ["Europe/Berlln", undefined],
  ["2026-01-01T00:00:00Z", undefined],
  ["", undefined],
  ["Europe/Berlin\n", undefined],
])("%p is the time zone %p", (given, name) => {
  expect(timeZoneNamed(given)).toBe(name);
});
