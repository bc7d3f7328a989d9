/**
 * How the outcomes of verifications and rate limit decisions are shown. Each outcome has a word, because not everyone
 * can tell colors apart.
 */
export type Tone = "good" | "bad" | "warn";

const known: Readonly<Record<string, { label: string; tone: Tone }>> = {
  VALID: { label: "Valid", tone: "good" },
  PASSED: { label: "Passed", tone: "good" },
  SETTLED: { label: "Settled", tone: "good" },
  REFUSED: { label: "Refused", tone: "bad" },
  NOT_FOUND: { label: "Not found", tone: "bad" },
  FORBIDDEN: { label: "Forbidden", tone: "bad" },
  DISABLED: { label: "Disabled", tone: "bad" },
  EXPIRED: { label: "Expired", tone: "bad" },
  INSUFFICIENT_PERMISSIONS: { label: "Lacks permission", tone: "bad" },
  RATE_LIMITED: { label: "Rate limited", tone: "warn" },
  USAGE_EXCEEDED: { label: "Out of credits or quota", tone: "warn" },
};

export function outcomeOf(code: string): { label: string; tone: Tone } {
  return known[code] ?? { label: code, tone: "bad" };
}

export const outcomeCodes = Object.keys(known);
