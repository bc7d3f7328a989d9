/**
 * Divides `budget` bytes between stores of these sizes and returns the most that each may keep. Stores below it keep
 * everything; the rest is divided equally among the others. Infinity if everything fits.
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
