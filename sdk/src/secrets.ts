import { secretMembers } from "./table.gen.ts";

const shown = "[hidden]";
const members = new RegExp(`("(?:${secretMembers.join("|")})"\\s*:\\s*")(?:[^"\\\\]|\\\\.)*`, "g");

/** Returns the text with its secrets masked, for an error or a log. */
export type Hide = (text: string) => string;

/**
 * Returns a function that masks these values, if they have 8 characters or more, raw and escaped as in JSON. It also
 * masks the value of every JSON member that the API marks as a secret.
 */
export function hiding(values: readonly string[]): Hide {
  const known = values
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)])
    .filter((value) => value.length >= 8);
  return (text) =>
    known.reduce((rest, value) => rest.replaceAll(value, shown), text.replace(members, `$1${shown}`));
}

/** The values of the members that the API marks as secrets, at any depth of the input. */
export function secretsIn(input: unknown): string[] {
  const found: string[] = [];
  JSON.stringify(input, (member, value: unknown) => {
    if (secretMembers.includes(member) && typeof value === "string") found.push(value);
    return value;
  });
  return found;
}
