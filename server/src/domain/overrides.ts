/** A limit that a namespace has for one identifier, or for those that a pattern with `*` covers. */
export type Override = { id: string; identifier: string; limit: number; durationMs: number };

/** A namespace's overrides, ready to be asked. */
export type OverrideTable = {
  exact: ReadonlyMap<string, Override>;
  /** the one with the longest literal part first */
  patterns: readonly { override: Override; parts: readonly string[] }[];
};

export function overrideTable(overrides: readonly Override[]): OverrideTable {
  const patterns = overrides
    .filter(({ identifier }) => identifier.includes("*"))
    .map((override) => ({ override, parts: override.identifier.split("*") }))
    .sort(
      (a, b) => literalLength(b.parts) - literalLength(a.parts) || (a.override.id < b.override.id ? -1 : 1),
    );
  return { exact: new Map(overrides.map((override) => [override.identifier, override])), patterns };
}

/** The override that applies: the one with just this identifier, else the pattern with the longest literal part. */
export function findOverride(table: OverrideTable, identifier: string): Override | undefined {
  const exact = table.exact.get(identifier);
  if (exact !== undefined) return exact;
  return table.patterns.find(({ parts }) => covers(parts, identifier))?.override;
}

function literalLength(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/**
 * Whether the text is these parts with anything (nothing too) between them. Taking each part where it comes first
 * is enough, so the text is walked once.
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
