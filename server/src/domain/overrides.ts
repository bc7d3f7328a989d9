/** A limit that a namespace has for one identifier, or for all identifiers that match a pattern with `*`. */
export type Override = { id: string; identifier: string; limit: number; durationMs: number };

/**
 * `parts` are the literal texts between the `*`. `rank` is the number of patterns that take precedence over this
 * pattern: patterns with more literal characters, and older patterns with the same number.
 */
type Pattern = { override: Override; parts: readonly string[]; rank: number };

/** A namespace's overrides, prepared for look-ups. */
export type OverrideTable = {
  exact: ReadonlyMap<string, Override>;
  /**
   * An index of the patterns. A piece is four characters in a row of a pattern's literal text. Each pattern is listed
   * under the piece that the fewest patterns contain. An identifier can match the pattern only if it contains this
   * piece. Each list is in order of rank.
   */
  byPiece: ReadonlyMap<string, readonly Pattern[]>;
};

export function overrideTable(overrides: readonly Override[]): OverrideTable {
  const patterns = overrides
    .filter(({ identifier }) => identifier.includes("*"))
    .map((override) => ({ override, parts: override.identifier.split("*") }))
    .sort(
      (a, b) => literalLength(b.parts) - literalLength(a.parts) || (a.override.id < b.override.id ? -1 : 1),
    )
    .map((pattern, rank) => ({ ...pattern, rank }));
  return {
    exact: new Map(overrides.map((override) => [override.identifier, override])),
    byPiece: underRarestPiece(patterns),
  };
}

/**
 * The override for exactly this identifier; if it is missing, the matching pattern with the most literal characters.
 */
export function findOverride(table: OverrideTable, identifier: string): Override | undefined {
  const exact = table.exact.get(identifier);
  if (exact !== undefined) return exact;
  let best: Pattern | undefined;
  for (const patterns of groupsFor(table, identifier)) {
    for (const pattern of patterns) {
      if (best !== undefined && pattern.rank >= best.rank) break;
      if (covers(pattern.parts, identifier)) best = pattern;
    }
  }
  return best?.override;
}

/** Lists of the patterns that may match the identifier. Most of these patterns do match. */
export function groupsFor({ byPiece }: OverrideTable, identifier: string): (readonly Pattern[])[] {
  if (byPiece.size <= askedOneByOne) return [...byPiece.values()];
  const found = new Set<readonly Pattern[]>();
  for (let length = 0; length <= pieceUnits; length += 1) {
    for (let at = 0; at + length <= identifier.length; at += 1) {
      const group = byPiece.get(identifier.slice(at, at + length));
      if (group !== undefined) found.add(group);
      if (length === 0) break; // patterns without literal text match everything
    }
  }
  return [...found];
}

/**
 * If the table has at most this many different pieces, it is cheaper to search for each in the identifier than to look
 * up all pieces of the identifier in the table.
 */
const askedOneByOne = 16;

/** The length of a piece. A literal part that is shorter is a piece as a whole. */
const pieceUnits = 4;
/** How many pieces of a pattern are compared to find the rarest. Any piece would be correct. */
const piecesCompared = 32;

function underRarestPiece(patterns: readonly Pattern[]): Map<string, Pattern[]> {
  const pieces = patterns.map(({ parts }) => piecesOf(parts));
  const counts = new Map<string, number>();
  for (const piece of pieces.flat()) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const groups = new Map<string, Pattern[]>();
  for (const [index, pattern] of patterns.entries()) {
    const rarest = (pieces[index] ?? []).reduce(
      (least, piece) => (least === "" || (counts.get(piece) ?? 0) < (counts.get(least) ?? 0) ? piece : least),
      "",
    );
    const group = groups.get(rarest);
    if (group === undefined) groups.set(rarest, [pattern]);
    else group.push(pattern);
  }
  return groups;
}

/** Up to `piecesCompared` pieces of a pattern's literal text, spread evenly over it. */
function piecesOf(parts: readonly string[]): string[] {
  const places = parts.flatMap((part, index) =>
    Array.from(
      { length: part === "" ? 0 : Math.max(1, part.length - pieceUnits + 1) },
      (_, at) => [index, at] as const,
    ),
  );
  const step = Math.max(1, (places.length - 1) / (piecesCompared - 1));
  const chosen = Array.from(
    { length: Math.min(places.length, piecesCompared) },
    (_, n) => places[Math.round(n * step)],
  );
  return [
    ...new Set(
      chosen.map((place) => (place ? (parts[place[0]] ?? "").slice(place[1], place[1] + pieceUnits) : "")),
    ),
  ];
}

function literalLength(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/**
 * Whether the text consists of these parts, with anything or nothing between the parts. Each part is only matched at
 * its first occurrence: if a later occurrence leads to a match, so does the first.
 */
function covers(parts: readonly string[], text: string): boolean {
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return at <= end;
}
