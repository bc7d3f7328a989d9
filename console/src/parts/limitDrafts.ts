import { dayMs, hourMs, minuteMs, secondMs } from "../data/time.ts";

/**
 * A rate limit in a form. `id` is only for React: the name cannot identify the row, because it changes while the user
 * types.
 */
export type LimitDraft = {
  id: number;
  name: string;
  limit: string;
  length: string;
  unit: Unit;
  autoApply: boolean;
};

export const units = {
  milliseconds: 1,
  seconds: secondMs,
  minutes: minuteMs,
  hours: hourMs,
  days: dayMs,
} as const;
export type Unit = keyof typeof units;

type Limit = { name: string; limit: number; duration: number; autoApply?: boolean };

let drafts = 0;

export function draftOf(limit?: Limit): LimitDraft {
  drafts += 1;
  const { name = "", limit: most = "", duration = minuteMs, autoApply = true } = limit ?? {};
  const names: readonly Unit[] = ["days", "hours", "minutes", "seconds"];
  const unit = names.find((one) => duration % units[one] === 0) ?? "milliseconds";
  return { id: drafts, name, limit: String(most), length: String(duration / units[unit]), unit, autoApply };
}

/**
 * Returns the rate limits for the request. The limits are not checked here: the server's error names the invalid
 * fields.
 */
export function limitsOf(list: readonly LimitDraft[]): Required<Limit>[] {
  return list.map(({ name, limit, length, unit, autoApply }) => ({
    name,
    limit: numberIn(limit),
    duration: durationIn(length, unit),
    autoApply,
  }));
}

function durationIn(length: string, unit: Unit): number {
  const count = numberIn(length);
  return Number.isFinite(count) ? Math.round(count * units[unit]) : count;
}

/** A number whose digits are in groups of three, such as `1,000`. Any other comma may be a decimal point. */
const grouped = /^-?\d{1,3}([,_\s]\d{3})+(\.\d+)?$/;
/** A number with two meanings: `10.000` is ten, or ten thousand in countries where a point groups digits. */
const ambiguous = /^-?\d{1,3}(\.\d{3})+$/;

/**
 * Returns the number that was typed. Text that is not a number, or could mean two numbers, is returned unchanged, in
 * spite of the return type. It is then sent, and the server's error names the field.
 */
export function numberIn(text: string): number {
  const typed = text.trim();
  const digits = grouped.test(typed) ? typed.replaceAll(/[\s,_]/g, "") : typed;
  const value = Number(digits);
  return digits !== "" && !ambiguous.test(typed) && Number.isFinite(value)
    ? value
    : (text as unknown as number);
}
