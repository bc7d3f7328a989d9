const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
/** A location names the place; it need not repeat a name of a megabyte. */
const MAX_NAME_UNITS = 100;

/**
 * The instance path of one member or item below `parent`, as errors show it: `body.meta`, `body.ratelimits[0]`,
 * `body.meta["odd name"]`. Names beyond 100 UTF-16 units are cut and end in `…`.
 */
export function memberPath(parent: string, member: string | number): string {
  if (typeof member === "number") return `${parent}[${member}]`;
  if (member.length > MAX_NAME_UNITS) return `${parent}[${JSON.stringify(cut(member))}]`;
  return PLAIN_NAME.test(member) ? `${parent}.${member}` : `${parent}[${JSON.stringify(member)}]`;
}

function cut(name: string): string {
  const head = name.slice(0, MAX_NAME_UNITS);
  return `${head.replace(/[\ud800-\udbff]$/, "")}…`; // never half a surrogate pair
}
