import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation, type TransactContext } from "../../operation.ts";
import type { KeyDetails } from "../../storage/queries/keys/read.ts";
import { setKeyRerolled } from "../../storage/queries/keys/write.ts";
import { insertKeyPermissions, listKeyPermissions } from "../../storage/queries/permissions.ts";
import { insertKeyRoles, listKeyRoles } from "../../storage/queries/roles.ts";
import { idsOf } from "../shared/changes.ts";
import { keyId, lockPermittedKey, newKeySecret, requireEncryption } from "../shared/keys.ts";
import { insertOwnKey } from "../shared/newKeys.ts";
import { replaceRatelimits } from "../shared/ratelimits.ts";
import { instant, lastInstantMs, storedId } from "../shared/values.ts";

export const rerollKey = operation({
  name: "keys.rerollKey",
  summary: "Replace a key with a new one",
  description:
    "The new key has the old key's settings and shares its credits and counters. The old key stays usable for `expiration` milliseconds, but never beyond its own expiry. If the old key is rerolled again within that time, the next key gets the expiry that the old key had before its first reroll. An expired key cannot be rerolled.",
  permission: "api.<id>.create_key",
  input: z.strictObject({
    keyId,
    expiration: instant.describe(
      "How long the old key stays usable, in milliseconds (a duration, not a time), such as 86400000 for one day. 0: the old key expires at once.",
    ),
  }),
  output: z.strictObject({ keyId: storedId.describe("The new key's id."), key: newKeySecret }),
  errors: ["key_not_found", "precondition_failed"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", expiration: 86_400_000 },
    output: { keyId: "key_0Ck3vDcaRk3Uw8Zb4Yt7Nq", key: "prod_7hTqVbLmWnYx3sEdRc9kPz" },
  },

  async transact(input, context) {
    const { tx, audit, newId, now } = context;
    const old = await lockPermittedKey(context, input.keyId, "create_key");
    const nowMs = now();
    if (hasEnded(old, nowMs)) {
      throw new Failure("precondition_failed", { detail: "The key has expired. Create a new key instead." });
    }
    // the new key of a recoverable key is recoverable, too
    if (old.sealed !== undefined) requireEncryption(context, old.apiId, "create a key with `keys.createKey`");
    const id = newId("key");
    const meta = old.meta && JSON.stringify(old.meta);
    const row = { ...old, id, meta, expiresAtMs: ownExpiry(old), nowMs };
    const key = await insertOwnKey(context, row, old.sealed !== undefined);
    await copyAccess(context, old.id, id);
    await replaceRatelimits(context, id, [], old.ratelimits);
    await setKeyRerolled(tx, old.workspaceId, old.id, {
      nowMs,
      expiresAtMs: lastInstant(old, input.expiration, nowMs),
      expiresBeforeRerollMs: ownExpiry(old),
    });
    audit("key.create", id);
    audit("key.reroll", old.id, ["expires"]);
    return { keyId: id, key };
  },
});

/**
 * Whether the key has expired. A key that a reroll ended at once counts as expired, even if this node's clock is behind
 * the clock of the node that rerolled the key.
 */
function hasEnded({ expiresAtMs, reroll }: KeyDetails, nowMs: number): boolean {
  return expiresAtMs !== undefined && Math.max(nowMs, reroll?.atMs ?? nowMs) > expiresAtMs;
}

/** The expiry that was set for the key, even if a reroll has replaced it by an earlier one. */
function ownExpiry({ expiresAtMs, reroll }: KeyDetails): number | undefined {
  return reroll === undefined ? expiresAtMs : reroll.expiresBeforeRerollMs;
}

/**
 * A key is still valid in the millisecond of its expiry. So a key that expires at once gets the millisecond before now.
 */
function lastInstant(old: KeyDetails, expiration: number, nowMs: number): number {
  const wanted = expiration === 0 ? nowMs - 1 : nowMs + expiration;
  return Math.min(wanted, old.expiresAtMs ?? lastInstantMs);
}

/** Gives a key the direct permissions and the roles of another key. */
async function copyAccess(
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
