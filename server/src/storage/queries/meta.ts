/** JSON with fewer characters than this cannot be nested so deeply that serializing it would overflow the stack. */
const longText = 40_000;
/** JSON that is nested more deeply than this is not parsed. The JSON of a request may nest far less deeply. */
const maxDepth = 1_000;

/**
 * Parses stored metadata. Returns an empty object if the JSON is damaged, so that one bad row does not break a whole
 * list.
 */
export function parseMeta(text: string): object {
  if (nestsTooDeeply(text)) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/** Returns whether parsing or serializing this JSON could overflow the stack. */
export function nestsTooDeeply(text: string): boolean {
  return text.length >= longText && depthOf(text) > maxDepth;
}

/** Returns how deeply the brackets of a JSON text nest. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at);
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/**
 * Returns the index of the quote that ends the string beginning at `from`, or an index past the end of the text if the
 * string is not closed.
 */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
