import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure, invalid } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findRootKey, type StoredRootKey, setRootKeyRerolled } from "../../storage/queries/rootKeys.ts";
import {
  createRootKey,
  isExpired,
  lockRootKeys,
  newRootKey,
  newRootKeyExample,
  requireHeld,
  rootKeyId,
} from "../shared/rootKeys.ts";
import { lastInstantMs } from "../shared/values.ts";

/**
 * How long a root key that rerolls itself must stay valid. If the response is lost, its owner can repeat the call.
 */
const shortestOwnMs = 60_000;

export const rerollKey = operation({
  name: "rootKeys.rerollKey",
  summary: "Replace a root key with a new one",
  description:
    "The new root key has the old root key's name and permissions, and the expiry that the old root key had before it was first rerolled. The calling root key must hold all of these permissions. To reroll the root key that makes the call, `expiration` must be at least 60000, so that a lost response locks nobody out.",
  permission: "root_key.<id>.update_root_key",
  input: z.strictObject({
    keyId: rootKeyId,
    expiration: z
      .int()
      .min(0)
      .max(lastInstantMs)
      .nullable()
      .describe(
        "How long the old root key stays valid, in milliseconds. 0: the old root key is invalid at once. null: its expiry does not change. The old root key never stays valid longer than before.",
      ),
  }),
  output: newRootKey,
  errors: ["root_key_unknown", "precondition_failed"],
  example: {
    input: { keyId: "root_0Ck3vDbnXhq2Tn6Yp1Zs4a", expiration: 3_600_000 },
    output: newRootKeyExample,
  },

  async transact({ keyId, expiration }, context) {
    const { caller, tx, audit, evict, now } = context;
    const own = await lockRootKeys(context);
    const key = may(caller, "root_key", keyId, "update_root_key")
      ? await findRootKey(tx, caller.workspaceId, keyId)
      : undefined;
    if (key === undefined) throw new Failure("root_key_unknown");
    for (const one of key.plainPermissions) requireHeld(own, one, [one]);
    if (key.id === own.id && expiration !== null && expiration < shortestOwnMs) throw tooShort();
    const nowMs = now();
    if (isExpired(key, nowMs)) throw expired();
    const expiresAtMs = expiryBeforeReroll(key);
    if (key.id !== own.id) refuseBeyondOwn(expiresAtMs, expiryBeforeReroll(own));
    const { name, permissions, plainPermissions } = key;
    const created = await createRootKey(context, { name, permissions, plainPermissions, expiresAtMs });
    if (expiration !== null) {
      const endMs = expiration === 0 ? nowMs - 1 : nowMs + expiration;
      const shortenedMs = Math.min(endMs, key.expiresAtMs ?? lastInstantMs);
      await setRootKeyRerolled(tx, caller.workspaceId, keyId, {
        nowMs,
        expiresAtMs: shortenedMs,
        expiresBeforeRerollMs: expiresAtMs,
      });
      evict(keyId);
    }
    audit("rootkey.create", created.keyId);
    audit("rootkey.reroll", keyId, [created.keyId]);
    return created;
  },
});

/** The expiry that a user set, even if a reroll has shortened it since. */
function expiryBeforeReroll(key: StoredRootKey): number | undefined {
  return key.rerolledAtMs === undefined ? key.expiresAtMs : key.expiresBeforeRerollMs;
}

function tooShort() {
  return invalid(
    "body.expiration",
    "is less than 60000, and this root key makes the call: if the response were lost, nobody would have a valid root key",
    "send at least 60000, or null",
  );
}

function expired() {
  return new Failure("precondition_failed", {
    detail:
      "The root key has expired, and rerolling it would keep its expiry. Create another root key with rootKeys.createKey instead.",
  });
}

/** Errors: `insufficient_permissions` if the new root key would outlive the calling one. */
function refuseBeyondOwn(expiresAtMs: number | undefined, ownMs: number | undefined): void {
  if (ownMs === undefined || (expiresAtMs !== undefined && expiresAtMs <= ownMs)) return;
  throw new Failure("insufficient_permissions", {
    detail:
      "The new root key would expire later than the calling root key, or never. Use a root key that expires no earlier.",
  });
}
