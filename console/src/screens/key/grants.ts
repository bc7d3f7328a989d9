import { useQuery } from "@tanstack/react-query";
import { call } from "../../data/api.ts";

type Role = { name: string; slugs: string[] };

/** Reads the roles with these names, each with its permissions. */
export function useRolesNamed(names: readonly string[]) {
  return useQuery({ queryKey: ["roles named", names], queryFn: ({ signal }) => readRoles(names, signal) });
}

/**
 * Reads which permissions the key has that none of its roles gives. The key and its roles are read together and only once,
 * since a role that changed between the two would make its permission look like one of the key itself.
 */
export function useOwnPermissions(keyId: string) {
  return useQuery({
    queryKey: ["own permissions", keyId],
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      const { permissions = [], roles = [] } = (await call("keys.getKey", { keyId }, { signal })).data;
      const byRoles = new Set((await readRoles(roles, signal)).flatMap(({ slugs }) => slugs));
      return permissions.filter((slug) => !byRoles.has(slug));
    },
  });
}

async function readRoles(names: readonly string[], signal: AbortSignal): Promise<Role[]> {
  const responses = await Promise.all(names.map((role) => call("permissions.getRole", { role }, { signal })));
  return responses.map(({ data: { name, permissions = [] } }) => ({
    name,
    slugs: permissions.map(({ slug }) => slug),
  }));
}
