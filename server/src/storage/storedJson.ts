/** Parses stored JSON. Returns `undefined` if the JSON is damaged, so that one bad row does not break a whole list. */
export function parseStored(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
