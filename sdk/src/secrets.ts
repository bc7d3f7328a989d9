import { secretMembers } from "./table.gen.ts";

const shown = "[hidden]";
const members = new RegExp(`("(?:${secretMembers.join("|")})"\\s*:\\s*")(?:[^"\\\\]|\\\\.)*`, "g");

/** Takes secrets out of a text that is to go into an error. */
export type Hide = (text: string) => string;

/**
 * Hides these values wherever they stand, as they are and as JSON writes them, and every value of a member that
 * holds a secret by the API's own document.
 */
export function hiding(values: readonly string[]): Hide {
  const known = values
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)])
    .filter((value) => value.length >= 8);
  return (text) =>
    known.reduce((rest, value) => rest.replaceAll(value, shown), text.replace(members, `$1${shown}`));
}

/** The values of the input's members that hold secrets, at any depth. */
export function secretsIn(input: unknown): string[] {
  const found: string[] = [];
  JSON.stringify(input, (member, value: unknown) => {
    if (secretMembers.includes(member) && typeof value === "string") found.push(value);
    return value;
  });
  return found;
}
