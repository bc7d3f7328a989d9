import { LatchkeyError } from "./errors.ts";
import { evaluatePermissionQuery, parsePermissionQuery, prepareGranted } from "./permissionQuery.gen.ts";

/**
 * Whether a verified key has the permissions, as the server would decide it. `permissions` is a query, such as
 * `documents.read AND (documents.write OR admin)`.
 * Errors: `LatchkeyError` if it is not a valid query.
 */
export function hasPermission(
  key: { readonly permissions?: readonly string[] | undefined },
  permissions: string,
): boolean {
  const parsed = parsePermissionQuery(permissions);
  if ("query" in parsed) return evaluatePermissionQuery(parsed.query, prepareGranted(key.permissions ?? []));
  const { position, message } = parsed.error;
  throw new LatchkeyError(`Position ${position} of the permissions query: ${message}.`);
}
