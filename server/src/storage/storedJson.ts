/** The value of stored JSON; undefined if it is damaged, so that one bad row does not break what is read with it. */
export function parseStored(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
