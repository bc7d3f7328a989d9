import { z } from "zod";
import type { StoredRatelimit } from "../../domain/ratelimits.ts";
import type { TransactContext } from "../../operation.ts";
import { insertBalances, type NewBalance } from "../../storage/queries/balances.ts";
import { insertKey, type NewKey } from "../../storage/queries/keys/write.ts";
import { linkKeyPermissions } from "../../storage/queries/permissions.ts";
import { setRatelimits } from "../../storage/queries/ratelimits.ts";
import { linkKeyRoles } from "../../storage/queries/roles.ts";
import { credits, parseCredits } from "./credits.ts";
import { externalId } from "./identities.ts";
import { ipAllowList, parseIpAllowList } from "./ipAllowLists.ts";
import { createSecret, enabled, expires, keyName } from "./keys.ts";
import { meta, metaText } from "./meta.ts";
import { findOrCreatePermissions, permissionSlugs } from "./permissions.ts";
import { newQuotas, quotas } from "./quotas.ts";
import { parseRatelimits, ratelimits } from "./ratelimits.ts";
import { requireRoles, roleNames } from "./roles.ts";

/** What a request may set on a key that it creates or migrates. */
export const newKeyFields = {
  name: keyName.optional(),
  externalId: externalId.optional(),
  meta: meta.optional(),
  roles: roleNames
    .optional()
    .describe("The names of the key's roles. They must exist. A repeated name counts once."),
  permissions: permissionSlugs
    .optional()
    .describe(
      "The slugs of permissions to give the key directly. Slugs that do not exist are created. A repeated slug counts once.",
    ),
  expires: expires.optional(),
  enabled: enabled.default(true),
  credits: credits
    .optional()
    .describe("The key's own credits, which its verifications spend. If omitted, they are unlimited."),
  ipAllowList: ipAllowList.optional(),
  ratelimits: ratelimits
    .optional()
    .describe("The key's own rate limits. Each replaces its identity's limit of the same name."),
  quotas: quotas
    .optional()
    .describe("The key's own quotas. Its identity's quotas count too: both must suffice."),
};

const newKeyInput = z.strictObject(newKeyFields);

export type NewKeyInput = z.output<typeof newKeyInput>;

export type ParsedKey = ReturnType<typeof parseNewKey>;

/**
 * Validates the fields of a new key and converts them to what is stored, as far as that needs no database.
 * Errors: `invalid_input` for metadata that is too large, a refill of unlimited credits, or a window that is too long.
 */
export function parseNewKey(
  input: NewKeyInput,
  { limits, note }: Pick<TransactContext, "limits" | "note">,
  location = "body",
) {
  const { name, enabled, expires, roles = [], permissions = [] } = input;
  const storedMeta = input.meta && metaText(input.meta, limits, note, `${location}.meta`);
  const addresses = input.ipAllowList && parseIpAllowList(input.ipAllowList, `${location}.ipAllowList`);
  return {
    columns: { name, meta: storedMeta, enabled, expiresAtMs: expires, ipAllowList: addresses },
    credits: parseCredits(input.credits, `${location}.credits`),
    ratelimits: parseRatelimits(input.ratelimits ?? [], limits, `${location}.ratelimits`),
    quotas: input.quotas ?? [],
    roles,
    permissions,
  };
}

/** The stored fields of a new key, except for those that follow from the secret. */
type OwnKey = Omit<NewKey, "hash" | "start" | "sealed" | "pendingMigrationId">;

/** Creates the secret of a key and inserts the key. Returns the secret, which is shown once. */
export async function insertOwnKey(
  context: TransactContext,
  key: OwnKey,
  recoverable: boolean,
): Promise<string> {
  const { key: whole, ...secret } = createSecret(context, { ...key, recoverable });
  const row = { ...key, ...secret, pendingMigrationId: undefined };
  if (!(await insertKey(context.tx, row)))
    throw new Error("the workspace already has a key with this random secret");
  return whole;
}

/** A key that was just inserted. */
type InsertedKey = { id: string; parsed: ParsedKey };

/**
 * Gives a key that was just inserted its roles, permissions, credits and rate limits, and returns the rate limits.
 * Errors: `role_not_found`.
 */
export async function completeNewKey(
  context: TransactContext,
  id: string,
  parsed: ParsedKey,
): Promise<StoredRatelimit[]> {
  const [ratelimits = []] = await completeNewKeys(context, [{ id, parsed }]);
  return ratelimits;
}

/** Like `completeNewKey`, in a few statements for all of the keys. Returns the rate limits of each. */
export async function completeNewKeys(
  context: TransactContext,
  keys: readonly InsertedKey[],
): Promise<StoredRatelimit[][]> {
  const { audit } = context;
  for (const { id } of keys) audit("key.create", id);
  await giveRoles(context, keys);
  await givePermissions(context, keys);
  await giveBalances(context, keys);
  return giveRatelimits(context, keys);
}

async function giveBalances(context: TransactContext, keys: readonly InsertedKey[]): Promise<void> {
  const balances: NewBalance[] = [];
  for (const { id: ownerId, parsed } of keys) {
    const quotas = await newQuotas(context, parsed.quotas);
    if (parsed.credits !== undefined || quotas.length > 0)
      balances.push({ ownerId, credits: parsed.credits, quotas });
  }
  await insertBalances(context.tx, context.caller.workspaceId, balances, context.now());
}

async function giveRoles(context: TransactContext, keys: readonly InsertedKey[]): Promise<void> {
  const { caller, tx, audit } = context;
  const roles = await requireRoles(
    context,
    keys.flatMap(({ parsed }) => parsed.roles),
  );
  const ids = new Map(roles.map(({ name, id }) => [name, id]));
  const links = keys.flatMap(({ id: keyId, parsed }) =>
    [...new Set(parsed.roles)].map((name) => ({ keyId, roleId: ids.get(name) ?? "" })),
  );
  await linkKeyRoles(tx, caller.workspaceId, links);
  for (const { keyId, roleId } of links) audit("authorization.connect_role_and_key", keyId, [roleId]);
}

async function givePermissions(context: TransactContext, keys: readonly InsertedKey[]): Promise<void> {
  const { caller, tx, audit } = context;
  const permissions = await findOrCreatePermissions(
    context,
    keys.flatMap(({ parsed }) => parsed.permissions),
  );
  const ids = new Map(permissions.map(({ slug, id }) => [slug, id]));
  const links = keys.flatMap(({ id: keyId, parsed }) =>
    [...new Set(parsed.permissions)].map((slug) => ({ keyId, permissionId: ids.get(slug) ?? "" })),
  );
  await linkKeyPermissions(tx, caller.workspaceId, links);
  for (const { keyId, permissionId } of links)
    audit("authorization.connect_permission_and_key", keyId, [permissionId]);
}

async function giveRatelimits(
  { caller, tx, audit, newId }: TransactContext,
  keys: readonly InsertedKey[],
): Promise<StoredRatelimit[][]> {
  const owners = keys.map(({ id: ownerId, parsed }) => ({
    ownerId,
    limits: parsed.ratelimits.map((limit) => ({ ...limit, id: newId("rl") })),
  }));
  await setRatelimits(tx, caller.workspaceId, owners);
  for (const { limits } of owners) for (const { id } of limits) audit("ratelimit.create", id);
  return owners.map(({ limits }) => limits);
}
