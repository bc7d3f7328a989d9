/** Characters below which no text nests so deep that writing it into an answer could overflow the stack. */
const longText = 40_000;
/** Far above what is taken in. */
const maxDepth = 1_000;

/** A stored meta as an object; what cannot be read counts as empty, so that one bad row harms no other. */
export function parseMeta(text: string): object {
  if (text.length >= longText && depthOf(text) > maxDepth) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/** How deep the brackets of a JSON text nest. */
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

/** Where the string that begins at `from` ends; far beyond the text where it does not. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
