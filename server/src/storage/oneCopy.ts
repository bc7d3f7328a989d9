const mostKept = 10_000;
const kept = new Map<string, string>();

/**
 * The same text, in the same place in memory for equal texts. For names that repeat: the limits of a million identities
 * have few.
 */
export function oneCopy(text: string): string {
  const known = kept.get(text);
  if (known !== undefined) return known;
  if (kept.size >= mostKept) kept.clear();
  kept.set(text, text);
  return text;
}
