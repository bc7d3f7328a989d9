/** The parsed object, or a sentence that says where the text is not a JSON object. */
export type ReadJson = { value: Record<string, unknown> } | { flaw: string };

export function readObject(text: string): ReadJson {
  if (text.trim() === "") return { value: {} };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return { value: value as Record<string, unknown> };
    }
    return { flaw: "This is not a JSON object. Begin with { and end with }." };
  } catch (error) {
    return {
      flaw: `${placeOf((error as Error).message, text)}the text is not JSON. Check the quotes and commas there.`,
    };
  }
}

/**
 * Returns the place of an error. The messages of some browsers name line and column, others a position, and others
 * nothing: then the place is the end of the text.
 */
function placeOf(message: string, text: string): string {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  if (line !== undefined) return `Line ${line}, column ${column}: `;
  const position = /position (\d+)/.exec(message)?.[1];
  const before = text.slice(0, position === undefined ? text.length : Number(position)).split("\n");
  return `Line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: `;
}
