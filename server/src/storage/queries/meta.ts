/** A stored meta as an object; what cannot be read counts as empty, so that one bad row harms no other. */
export function parseMeta(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
