import { evaluatePermissionQuery, type HeldPermissions, type PermissionQuery } from "./permissionQuery.ts";

/** One part of a query; the whole query has depth 0. Only a part that is a single permission has `permission`. */
export type JudgedPart = {
  depth: number;
  kind: PermissionQuery["kind"];
  permission?: string;
  passed: boolean;
};

/** The parts of the query from left to right, and for each part whether the key's permissions satisfy it. */
export function judgeParts(query: PermissionQuery, held: HeldPermissions, depth = 0): JudgedPart[] {
  const passed = evaluatePermissionQuery(query, held);
  if (query.kind === "permission") return [{ depth, kind: query.kind, permission: query.permission, passed }];
  return [
    { depth, kind: query.kind, passed },
    ...query.of.flatMap((part) => judgeParts(part, held, depth + 1)),
  ];
}

/** The permissions of a query, each once. */
export function permissionsIn(query: PermissionQuery): string[] {
  if (query.kind === "permission") return [query.permission];
  return [...new Set(query.of.flatMap(permissionsIn))];
}

/** The missing permissions that make the query fail, each once. Empty if the query passes. */
export function missingPermissions(query: PermissionQuery, held: HeldPermissions): string[] {
  if (evaluatePermissionQuery(query, held)) return [];
  if (query.kind === "permission") return [query.permission];
  return [...new Set(query.of.flatMap((part) => missingPermissions(part, held)))];
}

/** The permissions that a failing query still needs, as text for people: `a and (b or c)`. */
export function neededPermissions(query: PermissionQuery, held: HeldPermissions): string {
  if (query.kind === "permission") return query.permission;
  const parts = query.of.filter((part) => !evaluatePermissionQuery(part, held));
  const words = parts.map((part) => {
    const needed = neededPermissions(part, held);
    return parts.length > 1 && needed.includes(" ") ? `(${needed})` : needed;
  });
  return words.join(query.kind === "all" ? " and " : " or ");
}
