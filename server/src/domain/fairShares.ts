/**
 * Returns the most bytes that one owner may keep, so that all owners together stay within `budget`. `sizes` has the
 * bytes of each owner now. Small owners keep everything, and large owners share the rest equally. Returns Infinity if
 * everything fits.
 */
export function fairShare(sizes: readonly number[], budget: number): number {
  const sorted = [...sizes].sort((one, other) => one - other);
  let left = budget;
  for (const [index, size] of sorted.entries()) {
    const equal = left / (sorted.length - index);
    if (size > equal) return Math.max(0, Math.floor(equal));
    left -= size;
  }
  return Number.POSITIVE_INFINITY;
}
