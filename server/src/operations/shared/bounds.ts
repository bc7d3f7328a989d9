import { Failure } from "../../errors/failure.ts";

/**
 * How much a workspace may store in one place, such as on one key. These bounds limit the size of every read, and are
 * far above real use. What an older version has stored beyond a bound can still be read and removed. A role needs no
 * bound here, because a single request sets all its permissions, and the request may have at most 1,000.
 */
export const bounds = {
  permissionsPerKey: 1_000,
  rolesPerKey: 100,
  overridesPerNamespace: 10_000,
  namespacesPerWorkspace: 10_000,
  grantsPerQuota: 100,
} as const;

/** Errors: `bound_exceeded` if something was added and `count` is now above `most`. */
export function refuseAbove(most: number, what: string, count: number, added: number): void {
  if (added === 0 || count <= most) return;
  throw new Failure("bound_exceeded", { detail: `There may be at most ${most} ${what}.` });
}
