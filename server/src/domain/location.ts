const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
/** Names in errors are cut after this many UTF-16 units, because a request may send a name of a megabyte. */
const MAX_NAME_UNITS = 100;

/**
 * The instance path of one member or item below `parent`, as errors show it: `body.meta`, `body.ratelimits[0]`,
 * `body.meta["odd name"]`. A parent `""` adds nothing: `meta`. Names beyond 100 UTF-16 units are cut and end in `…`.
 */
export function memberPath(parent: string, member: string | number): string {
  if (typeof member === "number") return `${parent}[${member}]`;
  const isPlain = member.length <= MAX_NAME_UNITS && PLAIN_NAME.test(member);
  if (isPlain) return parent === "" ? member : `${parent}.${member}`;
  return `${parent}[${quoted(member)}]`;
}

/** The name in quotes for a message, cut after 100 UTF-16 units. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > MAX_NAME_UNITS ? cut(name) : name);
}

function cut(name: string): string {
  const head = name.slice(0, MAX_NAME_UNITS);
  return `${head.replace(/[\ud800-\udbff]$/, "")}…`; // never half a surrogate pair
}
