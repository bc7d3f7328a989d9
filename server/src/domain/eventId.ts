const digits = { time: 9, sequence: 5 };

type Recorded = { atMs: number; sequence: number; requestId: string };

/** The id of a usage event. Ids sort by time, then in the order in which a process recorded the events. */
export function eventId({ atMs, sequence, requestId }: Recorded): string {
  return `ev_${base36(atMs, digits.time)}${base36(sequence, digits.sequence)}${requestId.replace(/^[a-z]+_/, "")}`;
}

/** A text that sorts after the ids of all events up to this time, and before the ids of later events. */
export function positionAfter(ms: number): string {
  return `ev_${base36(ms, digits.time)}${"z".repeat(40)}`;
}

/** The time in an event's id or position, or undefined if `id` is neither. */
export function eventTimeMs(id: string): number | undefined {
  const [, time] = /^ev_([0-9a-z]{9})[0-9A-Za-z]+$/.exec(id) ?? [];
  return time === undefined ? undefined : Number.parseInt(time, 36);
}

function base36(value: number, count: number): string {
  return (value % 36 ** count).toString(36).padStart(count, "0");
}
