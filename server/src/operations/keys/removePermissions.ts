import { z } from "zod";
import { quoted } from "../../domain/location.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findPermissionsBySlug, listKeyPermissions } from "../../storage/queries/permissions.ts";
import { keyId, lockPermittedKey } from "../shared/keys.ts";
import {
  permission,
  permissionExample,
  permissionResponse,
  permissionSlugs,
  replacePermissions,
} from "../shared/permissions.ts";

export const removePermissions = operation({
  name: "keys.removePermissions",
  summary: "Remove permissions from a key",
  description:
    "Removes only direct permissions, not those that the key has through roles. Returns the direct permissions that the key still has.",
  permission: "api.<id>.update_key",
  input: z.strictObject({ keyId, permissions: permissionSlugs.min(1) }),
  output: z.array(permission),
  errors: ["key_not_found", "permission_not_found"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", permissions: ["documents.write"] },
    output: [permissionExample],
  },

  async transact(input, context) {
    const { tx, caller } = context;
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const removed = new Set(input.permissions);
    const known = await findPermissionsBySlug(tx, caller.workspaceId, [...removed]);
    const missing = input.permissions.find((slug) => !known.some((one) => one.slug === slug));
    if (missing !== undefined) {
      throw new Failure("permission_not_found", {
        detail: `The permission ${quoted(missing)} does not exist.`,
      });
    }
    const held = await listKeyPermissions(tx, caller.workspaceId, key.id);
    const left = held.filter((one) => !removed.has(one.slug));
    await replacePermissions(context, key.id, left);
    return left.map(permissionResponse);
  },
});
