const mostKept = 10_000;
const kept = new Map<string, string>();

/**
 * Returns the same string object for equal texts, which saves memory. Use it for names that repeat: for example, the
 * rate limits of a million identities may have only a few different names.
 */
export function oneCopy(text: string): string {
  const known = kept.get(text);
  if (known !== undefined) return known;
  if (kept.size >= mostKept) kept.clear();
  kept.set(text, text);
  return text;
}
