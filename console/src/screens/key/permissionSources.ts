import { useQuery } from "@tanstack/react-query";
import { call, type Data } from "../../data/api.ts";

type Key = Data<"keys.getKey">;
/** `via`: what gives the key the permission: `direct`, or `role:` and the name of a role */
type Source = { slug: string; via: string };

/** Reads everything that gives the key its permissions. */
export function usePermissionSources(key: Key) {
  return useQuery({
    queryKey: ["permission sources", key.keyId, key.permissions],
    queryFn: ({ signal }) => readSources(key, signal),
  });
}

/**
 * Reads which permissions the key has itself, not through a role. Reads them again whenever a dialog opens, for which
 * `key` must have been read, too.
 */
export function useOwnPermissions(key: Key) {
  return useQuery({
    queryKey: ["own permissions", key.keyId],
    gcTime: 0,
    staleTime: "static",
    queryFn: async ({ signal }) =>
      (await readSources(key, signal)).filter(({ via }) => via === "direct").map(({ slug }) => slug),
  });
}

async function readSources({ keyId, permissions = [] }: Key, signal: AbortSignal): Promise<Source[]> {
  const sources: Source[] = [];
  for (const slugs of queriesOf(permissions)) {
    const query = slugs.join(" OR ");
    const { checks } = (await call("keys.explain", { keyId, permissions: query }, { signal })).data;
    const check = checks.find((one) => one.check === "permissions");
    // a key that waits for its first verification is refused before its permissions are checked
    if (check === undefined)
      throw new Error(
        checks.find(({ passed }) => !passed)?.why ??
          "The server did not say what gives the key its permissions.",
      );
    // a wildcard that the key holds is listed for every query that it covers, so it is taken only from its own query
    sources.push(...check.granted.filter(({ slug }) => slugs.includes(slug)));
  }
  return sources;
}

/** Divides the permissions among queries of at most 1,000 characters. A permission has at most 128. */
function queriesOf(permissions: readonly string[]): string[][] {
  const queries: string[][] = [];
  for (const slug of permissions) {
    const last = queries.at(-1);
    if (last === undefined || [...last, slug].join(" OR ").length > 1_000) queries.push([slug]);
    else last.push(slug);
  }
  return queries;
}
