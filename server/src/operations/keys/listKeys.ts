import { z } from "zod";
import { type Caller, idsWith, may, mayAll } from "../../domain/caller.ts";
import { invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findIdentityId } from "../../storage/queries/identities.ts";
import { type KeyListFilter, listKeysById } from "../../storage/queries/keys/list.ts";
import { withDetails } from "../../storage/queries/keys/read.ts";
import { findPermission } from "../../storage/queries/permissions.ts";
import { findRoleId } from "../../storage/queries/roles.ts";
import type { Db } from "../../storage/schema.ts";
import { idsOf } from "../shared/changes.ts";
import { identityRef } from "../shared/identities.ts";
import { apiId, bytesOfKey, key, keyExample, keyResponse } from "../shared/keys.ts";
import { keyOrders, walkKeys } from "../shared/keyWalk.ts";
import { loadedPage, order, orderedStart, searchInput } from "../shared/paging.ts";
import { instant, storedId, text } from "../shared/values.ts";

const input = z.strictObject({
  ...searchInput,
  apiId: apiId.optional().describe("Returns only the keys of the api with this id."),
  identity: identityRef
    .optional()
    .describe(
      "Returns only the keys of the identity with this id or external id. If both match, the id wins.",
    )
    .meta({ private: true }),
  enabled: z
    .boolean()
    .optional()
    .describe("true: returns only enabled keys. false: returns only disabled keys."),
  role: text(1, 512).optional().describe("Returns only keys that have the role with this name or id."),
  permission: text(1, 512)
    .optional()
    .describe("Returns only keys that have the permission with this slug or id, directly or through a role."),
  expiresBefore: instant
    .optional()
    .describe(
      "Returns only keys that expire before this time, also expired keys. Unix time in milliseconds.",
    ),
  unusedSince: instant
    .optional()
    .describe(
      "Returns only keys that were not verified at this time or later, also keys that were never verified. Unix time in milliseconds, not in the future.",
    ),
  orderBy: z
    .enum(keyOrders)
    .default("created")
    .describe(
      "`created`: by the time of creation. `lastUsed`: by the last verification; keys that were never verified count as verified first. `expires`: by the expiry; keys that never expire count as expiring last.",
    ),
  order: order.describe("The direction: `asc` lists the earliest first, `desc` the latest."),
});

type Input = z.output<typeof input>;

export const listKeys = operation({
  name: "keys.listKeys",
  summary: "List the keys of all apis",
  description:
    "The keys of the workspace that the root key may read, also disabled and expired keys. `search` covers the name and the start of the key. All filters must match. A filter that names a record that does not exist matches no key. A page reads a bounded number of keys. If few of these match, the page has fewer items than `limit`, or none, although more may follow: `pagination.hasMore` says so. If `orderBy` is not `created`, a key whose place changes during paging may appear twice or not at all.",
  permission: "api.<id>.read_key",
  input,
  page: key.extend({ apiId: storedId.describe("The id of the api that the key belongs to.") }),
  errors: [],
  example: {
    input: { limit: 50, enabled: true, orderBy: "lastUsed", order: "desc" },
    output: [{ ...keyExample, apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a" }],
  },

  async run(input, { caller, db, slow, nowMs, usage }) {
    const { orderBy, unusedSince: unusedSinceMs, limit } = input;
    const { workspaceId } = caller;
    const by = orderBy === "created" ? undefined : orderBy;
    const start = orderedStart(input.cursor, by);
    if (unusedSinceMs !== undefined && unusedSinceMs > nowMs) throw unusedSinceFuture();
    const filter = await resolved(db, caller, input);
    if (filter === undefined) return { items: [] };
    const { found, readUntil } = await walkKeys(
      { caller, slow, usage },
      {
        filter,
        unusedSinceMs,
        orderBy,
        descending: input.order === "desc",
        after: start && { id: start.id, value: start.value ?? null },
        limit: limit + 1,
        isVisible: (apiId) => may(caller, "api", apiId, "read_key"),
      },
    );
    const rows = await listKeysById(slow, workspaceId, idsOf(found));
    const lastUses = await usage.lastUses(workspaceId, idsOf(rows));
    const page = await loadedPage(rows, limit, {
      bytesOf: bytesOfKey,
      async load(some) {
        const keys = await withDetails(slow, workspaceId, some, nowMs);
        return keys.map((one) => ({ ...keyResponse(one, lastUses.get(one.id)), apiId: one.apiId }));
      },
    });
    // if a key was deleted after it was found, the page may have all other keys, although more follow
    const readLast = found.length > limit ? found.at(-1) : readUntil;
    const last = found.find(({ id }) => id === page.nextAfterId) ?? readLast;
    return { ...page, nextAfterId: last && (by === undefined ? last.id : { by, ...last }) };
  },
});

function unusedSinceFuture() {
  return invalid("body.unusedSince", "is in the future", "send a past time, as Unix time in milliseconds");
}

/**
 * The filter of the request, with ids in place of names. `undefined` if a name does not exist, so that no key matches.
 */
async function resolved(db: Db, caller: Caller, input: Input): Promise<KeyListFilter | undefined> {
  const { workspaceId } = caller;
  const { identity, role, permission } = input;
  const identityId = identity && (await findIdentityId(db, workspaceId, identity));
  const roleId = role && (await findRoleId(db, workspaceId, role));
  const permissionId = permission && (await findPermission(db, workspaceId, permission))?.id;
  const isMissing =
    (identity !== undefined && identityId === undefined) ||
    (role !== undefined && roleId === undefined) ||
    (permission !== undefined && permissionId === undefined);
  if (isMissing) return undefined;
  return {
    apiId: input.apiId ?? onlyApi(caller),
    identityId,
    roleId,
    permissionId,
    search: input.search?.trim() || undefined,
    enabled: input.enabled,
    expiresBeforeMs: input.expiresBefore,
  };
}

/**
 * Returns the api if the caller may read the keys of only one api. Then the list need not read the keys of other apis.
 */
function onlyApi(caller: Caller): string | undefined {
  if (mayAll(caller, "api", "read_key")) return undefined;
  const [first, ...more] = idsWith(caller, "api", "read_key");
  return more.length === 0 ? first : undefined;
}
