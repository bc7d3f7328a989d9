import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation, type TransactContext } from "../../operation.ts";
import {
  insertKeyPermissions,
  insertKeyRoles,
  listKeyPermissions,
  listKeyRoles,
} from "../../storage/queries/grants.ts";
import type { KeyDetails } from "../../storage/queries/keys.ts";
import { insertKey, setKey } from "../../storage/queries/keyWrites.ts";
import { instant, keyId } from "../fields.ts";
import {
  evictKey,
  idsOf,
  lockPermittedKey,
  makeSecret,
  replaceRatelimits,
  requireRecovery,
} from "../parts.ts";

export const rerollKey = operation({
  name: "keys.rerollKey",
  summary: "Replace a key by a new one",
  description:
    "The new key has the old one's settings and shares its credits and counters. The old one stays usable for `expiration` milliseconds, never beyond its own expiry.",
  permission: "api.<id>.create_key",
  input: z.strictObject({ keyId, expiration: instant.describe("Milliseconds; 0 ends the old key at once.") }),
  output: z.strictObject({ keyId: z.string(), key: z.string().meta({ secret: true }) }),
  errors: ["key_not_found", "precondition_failed"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", expiration: 86_400_000 },
    output: { keyId: "key_0Ck3vDcaRk3Uw8Zb4Yt7Nq", key: "prod_7hTqVbLmWnYx3sEdRc9kPz" },
  },

  async transact(input, context) {
    const { tx, audit, newId, nowMs } = context;
    const old = await lockPermittedKey(context, input.keyId, "create_key");
    if (old.expiresAtMs !== undefined && nowMs > old.expiresAtMs) {
      throw new Failure("precondition_failed", { detail: "The key has expired: create a new one instead." });
    }
    requireEncryption(context, old);
    const id = newId("key");
    const { key, ...secret } = makeSecret(context, { ...old, recoverable: old.sealed !== undefined });
    await insertKey(tx, {
      ...old,
      ...secret,
      id,
      meta: old.meta && JSON.stringify(old.meta),
      pendingMigrationId: undefined,
      nowMs,
    });
    await copyGrants(context, old.id, id);
    await replaceRatelimits(context, id, [], old.ratelimits);
    await setKey(
      tx,
      old.workspaceId,
      old.id,
      { expiresAtMs: lastInstant(old, input.expiration, nowMs) },
      nowMs,
    );
    audit("key.create", id);
    audit("key.reroll", old.id, ["expires"]);
    evictKey(context, old);
    return { keyId: id, key };
  },
});

/** A key that can be shown again is replaced by one that can be, too. */
function requireEncryption({ caller, recovery }: TransactContext, old: KeyDetails): void {
  if (old.sealed === undefined) return;
  requireRecovery(recovery);
  if (may(caller, "api", old.apiId, "encrypt_key")) return;
  throw new Failure("insufficient_permissions", { detail: 'Missing permission: "api.*.encrypt_key".' });
}

/** A key is still valid at its expiry, so one that ends now expired a millisecond ago. */
function lastInstant(old: KeyDetails, expiration: number, nowMs: number): number {
  const wanted = expiration === 0 ? nowMs - 1 : nowMs + expiration;
  return Math.min(wanted, old.expiresAtMs ?? wanted);
}

async function copyGrants(
  { tx, caller }: TransactContext,
  fromKeyId: string,
  toKeyId: string,
): Promise<void> {
  const { workspaceId } = caller;
  const permissions = await listKeyPermissions(tx, workspaceId, fromKeyId);
  const roles = await listKeyRoles(tx, workspaceId, fromKeyId);
  await insertKeyPermissions(tx, workspaceId, toKeyId, idsOf(permissions));
  await insertKeyRoles(tx, workspaceId, toKeyId, idsOf(roles));
}
