const furthestTypo = 2;
const longestTypo = 40;

/**
 * The known name that `name` probably means. Apart from case, - and _, it may have two typing errors, or fewer if the
 * known name is shorter than six characters.
 */
export function closest(name: string, known: readonly string[]): string | undefined {
  if (name.length > longestTypo) return undefined;
  const folded = fold(name);
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(folded, fold(candidate)) }))
    .filter(({ candidate, distance }) => distance <= Math.min(furthestTypo, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, "");
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
