import { LatchkeyError } from "./errors.ts";
import { evaluatePermissionQuery, parsePermissionQuery, prepareHeld } from "./permissionQuery.gen.ts";

/**
 * Whether a verified key has permissions, by the same rules as on the server. `permissions` is a query such as
 * `documents.read AND (documents.write OR admin)`.
 * Errors: `LatchkeyError` if the query is invalid.
 */
export function hasPermission(
  key: { readonly permissions?: readonly string[] | undefined },
  permissions: string,
): boolean {
  const parsed = parsePermissionQuery(permissions);
  if ("query" in parsed) return evaluatePermissionQuery(parsed.query, prepareHeld(key.permissions ?? []));
  const { position, message } = parsed.error;
  throw new LatchkeyError(`Position ${position} of the permissions query: ${message}.`);
}
