import { Failure } from "../../errors/failure.ts";

/**
 * The most that a workspace may store in one place, such as on one key. They bound the size of every read, and are far
 * above real use. What an older version stored above a bound can still be read and removed. A role needs no bound
 * here: one request can give it at most 1000 permissions.
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
