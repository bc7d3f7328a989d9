/** The units of a quota's periods. A period is `every` units long. */
export const periodUnits = ["hour", "day", "week", "month", "year"] as const;
type Unit = (typeof periodUnits)[number];

/** When the periods of a quota begin. */
export type Schedule = {
  unit: Unit;
  /** the number of units in a period */
  every: number;
  /** an IANA name, such as `Europe/Berlin` */
  timeZone: string;
  /**
   * `calendar`: at 00:00 local time (weeks on Monday); a number: an instant in Unix milliseconds, such as the first
   * billing day
   */
  anchor: "calendar" | number;
};

/** From `startMs` up to, but not including, `endMs`. Unix time in milliseconds. */
export type Period = { startMs: number; endMs: number };

const hourMs = 3_600_000;

/** The period that contains `nowMs`. The periods of a schedule have no gaps and do not overlap. */
export function periodAt(schedule: Schedule, nowMs: number): Period {
  if (schedule.unit === "hour") return hoursAt(schedule, nowMs);
  const beginsAt = beginnings(schedule);
  let index = roughIndex(schedule, nowMs);
  while (beginsAt(index) > nowMs) index -= 1;
  while (beginsAt(index + 1) <= nowMs) index += 1;
  return { startMs: beginsAt(index), endMs: beginsAt(index + 1) };
}

/** The period that begins at this instant, whatever the schedule's anchor. */
export function periodFrom(schedule: Schedule, startMs: number): Period {
  return periodAt({ ...schedule, anchor: startMs }, startMs);
}

/**
 * Hours are elapsed time, also on days when the clocks change. With the anchor `calendar`, periods are counted from
 * local midnight, and the last period of a day ends at midnight even if it is shorter.
 */
function hoursAt({ every, timeZone, anchor }: Schedule, nowMs: number): Period {
  const lengthMs = every * hourMs;
  const day =
    anchor === "calendar" ? periodAt({ unit: "day", every: 1, timeZone, anchor }, nowMs) : undefined;
  const originMs = day?.startMs ?? Number(anchor);
  const startMs = originMs + Math.floor((nowMs - originMs) / lengthMs) * lengthMs;
  return { startMs, endMs: Math.min(startMs + lengthMs, day?.endMs ?? Number.POSITIVE_INFINITY) };
}

/**
 * Returns when the period with a given number begins. Each beginning is computed from the anchor, not from the previous
 * period: an anchor on the 31st becomes the last day of a short month, and the 31st again of the next long month.
 */
function beginnings(schedule: Schedule): (index: number) => number {
  const origin = localOrigin(schedule);
  const { unit, every, timeZone } = schedule;
  return (index) => instantOf(origin.add({ [`${unit}s`]: index * every }), timeZone);
}

function localOrigin({ unit, anchor, timeZone }: Schedule): Temporal.PlainDateTime {
  if (anchor !== "calendar") return local(anchor, timeZone);
  return unit === "week" ? new Temporal.PlainDateTime(1969, 12, 29) : new Temporal.PlainDateTime(1970, 1, 1);
}

/** The number of the period that contains `nowMs`. It may be off by one or two. */
function roughIndex(schedule: Schedule, nowMs: number): number {
  const unit = `${schedule.unit}s` as const;
  const passed = localOrigin(schedule).until(local(nowMs, schedule.timeZone), { largestUnit: unit });
  return Math.floor(passed[unit] / schedule.every);
}

function local(atMs: number, timeZone: string): Temporal.PlainDateTime {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone).toPlainDateTime();
}

/**
 * The instant at which clocks in the time zone show this time: the first instant if they show it twice, and the end of
 * the gap if they skip it.
 */
function instantOf(shown: Temporal.PlainDateTime, timeZone: string): number {
  const later = shown.toZonedDateTime(timeZone, { disambiguation: "later" });
  if (later.toPlainDateTime().equals(shown)) {
    return shown.toZonedDateTime(timeZone, { disambiguation: "earlier" }).epochMilliseconds;
  }
  const gapEnd = later.add({ nanoseconds: 1 }).getTimeZoneTransition("previous");
  return (gapEnd ?? later).epochMilliseconds;
}

/**
 * The time zone's canonical name; undefined if `name` is not an IANA name. An offset such as +01:00 has no summer time.
 */
export function timeZoneNamed(name: string): string | undefined {
  if (!/^[A-Za-z]/.test(name) || !/^[A-Za-z0-9_+/-]+$/.test(name)) return undefined;
  try {
    return new Temporal.PlainDateTime(2000, 1, 1).toZonedDateTime(name).timeZoneId;
  } catch {
    return undefined;
  }
}
