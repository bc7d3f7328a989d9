import { z } from "zod";
import { type Caller, may } from "../../domain/caller.ts";
import { identityResponse, ratelimitResponse } from "../../domain/identityResponse.ts";
import { apiKeySecret } from "../../domain/secrets.ts";
import { Failure, missingPermission } from "../../errors/failure.ts";
import type { Recovery, TransactContext } from "../../operation.ts";
import { type KeyDetails, type ListedKeyRow, lockKey } from "../../storage/queries/keys/read.ts";
import { creditsResponse, storedCredits } from "./credits.ts";
import { identity } from "./identities.ts";
import { storedIpAllowList } from "./ipAllowLists.ts";
import { storedMeta } from "./meta.ts";
import { permissionSlug } from "./permissions.ts";
import { storedQuota } from "./quotas.ts";
import { storedRatelimit } from "./ratelimits.ts";
import { roleName } from "./roles.ts";
import { instant, storedId, text, word } from "./values.ts";

export const apiId = word(3, 255).describe("The api's id, as `apis.createApi` returned it.");
export const keyId = word(3, 255).describe(
  "The key's id, as the call that created the key returned it. It is not the key itself.",
);
export const keyName = text(1, 255).describe(
  "A name for people, such as `Payments, production`. It need not be unique.",
);
export const keyPrefix = word(1, 16).describe(
  "The text with which the key begins, before a `_`: with `prod`, the key looks like `prod_2cGK…`. Letters, digits and `_`.",
);

export const byteLength = z
  .int()
  .min(16)
  .max(255)
  .describe(
    "The number of random bytes in the key. They are written in base58, so 16 bytes become about 22 characters.",
  );

/** The whole secret of a new key, in the response that creates the key. */
export const newKeySecret = z
  .string()
  .min(1)
  .max(512)
  .describe(
    "The whole key. Store it or hand it out now: unless the key is recoverable, it is not shown again.",
  )
  .meta({ secret: true });

/** A whole key in a request. */
export const wholeKey = text(1, 512)
  .describe("The whole key, exactly as it was issued, such as `prod_2cGKbMxRyIzhCxo1Idjz8q`.")
  .meta({ secret: true });

export const decrypt = z
  .boolean()
  .default(false)
  .describe(
    "true: adds `plaintext`, the whole key, to each key that was created as recoverable. Needs the permission `decrypt_key` in the key's api, and a server with a recovery key.",
  );

/** The hash of a whole key, in a request. */
export const keyHash = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "send a SHA-256 in base64url, 43 characters without padding")
  .describe(
    "The SHA-256 of the whole key in base64url without padding, 43 characters. It names a key without revealing it.",
  );

/** Optional, because other servers with the same API may have no keyspaces. This server always returns it. */
export const keyspaceId = storedId
  .optional()
  .describe("The id of the api's keyspace, the set of all its keys.");

/** The expiry of a key. */
export const expires = instant.describe(
  "When the key expires. Unix time in milliseconds (not seconds), such as 1767225600000 for January 1, 2026. If omitted, the key never expires.",
);

export const warnings = z
  .array(z.string())
  .optional()
  .describe(
    "Probable mistakes in a request that was carried out, such as an expiry in the past. One text for each. Omitted if nothing looks like a mistake.",
  );

export const enabled = z.boolean().describe("false: every verification of the key returns `DISABLED`.");

/** A key as every operation returns it. Fields that are not set are omitted. */
export const key = z.strictObject({
  keyId: storedId.describe("The key's id."),
  keyspaceId,
  start: z
    .string()
    .max(255)
    .describe(
      "The first characters of the key, by which a person can recognize it: the prefix and four more characters. May be empty for a migrated key.",
    ),
  enabled,
  createdAt: instant.describe("When the key was created. Unix time in milliseconds."),
  name: keyName.optional(),
  meta: storedMeta.optional().describe("The key's own metadata. Omitted if it has none."),
  updatedAt: instant
    .optional()
    .describe("When the key was last changed. Unix time in milliseconds. Omitted if it was never changed."),
  lastUsedAt: instant
    .optional()
    .describe("When the key was last verified. Unix time in milliseconds. Omitted if it was never verified."),
  expires: expires.optional(),
  permissions: z
    .array(permissionSlug)
    .optional()
    .describe(
      "The slugs of all permissions that the key has, directly or through roles. Omitted if it has none.",
    ),
  roles: z.array(roleName).optional().describe("The names of the key's roles. Omitted if it has none."),
  credits: storedCredits.optional().describe("The key's credits. Omitted if they are unlimited."),
  identity: identity
    .optional()
    .describe("The identity that the key belongs to. Omitted if the key belongs to none."),
  ratelimits: z
    .array(storedRatelimit)
    .max(50)
    .optional()
    .describe("The key's own rate limits, without those of its identity. Omitted if it has none."),
  quotas: z
    .array(storedQuota)
    .max(50)
    .optional()
    .describe(
      "The key's own quotas, and what is left of them. Omitted if the key has no quotas, and in all responses but that of `keys.getKey`.",
    ),
  ipAllowList: storedIpAllowList,
  plaintext: newKeySecret
    .optional()
    .describe("The whole key. Only for a recoverable key, if the request has `decrypt: true`."),
});

/** roughly how many bytes one permission or role adds to a key in a page */
const bytesOfAccess = 100;

/** Roughly how many bytes a key has in a page. */
export function bytesOfKey({ directCount, throughRolesCount, meta, identityMeta }: ListedKeyRow): number {
  return (
    (directCount + throughRolesCount) * bytesOfAccess + (meta?.length ?? 0) + (identityMeta?.length ?? 0)
  );
}

export const keyExample = {
  keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  keyspaceId: "ks_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  start: "prod_2cGK",
  enabled: true,
  createdAt: 1_767_225_600_000,
  name: "Payments, production",
};

/** `lastUsedAtMs` is undefined for a key that was never used. `open` decrypts `plaintext` if the key is recoverable. */
export function keyResponse(
  details: KeyDetails,
  lastUsedAtMs: number | undefined,
  open?: Recovery["open"],
): z.input<typeof key> {
  const { permissions, roles, ratelimits, meta, identity, credits, sealed } = details;
  return {
    keyId: details.id,
    keyspaceId: details.keyspaceId,
    start: details.start,
    enabled: details.enabled,
    createdAt: details.createdAtMs,
    name: details.name,
    meta: meta !== undefined && Object.keys(meta).length > 0 ? meta : undefined,
    updatedAt: details.updatedAtMs,
    lastUsedAt: lastUsedAtMs,
    expires: details.expiresAtMs,
    permissions: unlessEmpty(permissions),
    roles: unlessEmpty(roles),
    credits: credits && creditsResponse(credits),
    identity: identity && identityResponse(identity),
    ratelimits: unlessEmpty(ratelimits.map(ratelimitResponse)),
    ipAllowList: details.ipAllowList,
    plaintext: sealed === undefined ? undefined : open?.(sealed),
  };
}

function unlessEmpty<T>(items: T[]): T[] | undefined {
  return items.length > 0 ? items : undefined;
}

/**
 * Locks the key with this id until the transaction ends. After the commit, evicts the cached records of this key and of
 * the keys that share its credits and counters, because the caller of this function is about to change the key.
 * Errors: `key_not_found`, also if the key was deleted, or if the caller may not do `action` in the key's api.
 */
export async function lockPermittedKey(
  { tx, caller, now, evict }: TransactContext,
  keyId: string,
  action: string,
): Promise<KeyDetails> {
  const key = await lockKey(tx, caller.workspaceId, keyId, now);
  if (key === undefined || !may(caller, "api", key.apiId, action)) throw new Failure("key_not_found");
  evict(key.id);
  evict(key.subjectId);
  return key;
}

/** Creates the secret of a key. `sealed` is the encrypted secret of a recoverable key. */
export function createSecret(
  { randomBytes, hashKey, recovery }: TransactContext,
  wanted: { prefix?: string | undefined; byteLength: number; recoverable: boolean },
) {
  const { key, start } = apiKeySecret(wanted.prefix, randomBytes(wanted.byteLength));
  return { key, start, hash: hashKey(key), sealed: wanted.recoverable ? recovery?.seal(key) : undefined };
}

/**
 * Throws unless recoverable keys may be created in this api. `otherFix` is what the request can do without a recovery
 * key.
 * Errors: those of `requireRecovery`; `insufficient_permissions` if the caller lacks `encrypt_key`.
 */
export function requireEncryption(
  { caller, recovery }: TransactContext,
  apiId: string,
  otherFix: string,
): void {
  requireRecovery(recovery, otherFix);
  if (!may(caller, "api", apiId, "encrypt_key")) throw missingPermission("api.<id>.encrypt_key");
}

/**
 * Returns the function that decrypts the recoverable keys of this api.
 * Errors: those of `requireRecovery`; `insufficient_permissions` if the caller lacks `decrypt_key`.
 */
export function requireDecryption(
  caller: Caller,
  apiId: string,
  recovery: Recovery | undefined,
): Recovery["open"] {
  const { open } = requireRecovery(recovery, "omit `decrypt`");
  if (may(caller, "api", apiId, "decrypt_key")) return open;
  throw missingPermission("api.<id>.decrypt_key");
}

/** Errors: `precondition_failed` if this server has no recovery key. */
function requireRecovery(recovery: Recovery | undefined, otherFix: string): Recovery {
  if (recovery !== undefined) return recovery;
  throw new Failure("precondition_failed", {
    detail: `This server has no recovery key, so it cannot create or show recoverable keys. Set RECOVERY_KEY, or ${otherFix}.`,
  });
}
