/**
 * The most bytes that each store may keep so that all together stay within `budget`. Smaller stores keep everything, and
 * the larger ones share the rest equally. Infinity if everything fits.
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
