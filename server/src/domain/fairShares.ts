/**
 * Returns how many bytes each owner may keep, so that all together stay within `budget`. `sizes` is what each owner has
 * now. Small owners keep everything, and the large ones share the rest equally. Infinity if everything fits.
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
