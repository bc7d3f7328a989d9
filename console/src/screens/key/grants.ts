import { useQuery } from "@tanstack/react-query";
import { call, type Data } from "../../data/api.ts";

type Key = Data<"keys.getKey">;
/** `via`: what gives the key the permission: `direct`, or `role:` and the name of a role */
type Grant = { slug: string; via: string };

/** Reads everything that gives the key its permissions. */
export function useGrants(key: Key) {
  return useQuery({
    queryKey: ["grants", key.keyId, key.permissions],
    queryFn: ({ signal }) => readGrants(key, signal),
  });
}

/** Reads which permissions the key itself has, again whenever a dialog opens. `key` must be fresh too. */
export function useOwnPermissions(key: Key) {
  return useQuery({
    queryKey: ["own permissions", key.keyId],
    gcTime: 0,
    staleTime: "static",
    queryFn: async ({ signal }) =>
      (await readGrants(key, signal)).filter(({ via }) => via === "direct").map(({ slug }) => slug),
  });
}

async function readGrants({ keyId, permissions = [] }: Key, signal: AbortSignal): Promise<Grant[]> {
  const grants: Grant[] = [];
  for (const slugs of queriesOf(permissions)) {
    const query = slugs.join(" OR ");
    const { checks } = (await call("keys.explain", { keyId, permissions: query }, { signal })).data;
    const check = checks.find((one) => one.check === "permissions");
    // a key that waits for its first verification is refused before its permissions are checked
    if (check === undefined)
      throw new Error(checks.find(({ passed }) => !passed)?.why ?? "It is not known what gives them.");
    grants.push(...check.granted.filter(({ slug }) => slugs.includes(slug))); // a wildcard also covers those of other queries
  }
  return grants;
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
