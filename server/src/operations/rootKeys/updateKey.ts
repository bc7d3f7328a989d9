import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findRootKey, setRootKey } from "../../storage/queries/rootKeys.ts";
import { changedFields } from "../shared/changes.ts";
import {
  lockRootKeys,
  refuseLastOwner,
  requireGrantable,
  rootKeyId,
  rootKeyName,
  rootKeyPermissions,
} from "../shared/rootKeys.ts";

export const updateKey = operation({
  name: "rootKeys.updateKey",
  summary: "Update a root key",
  description:
    "An omitted field stays unchanged. The last enabled root key of a workspace with the permission `*` can neither be disabled nor lose this permission.",
  permission: "root_key.<id>.update_root_key",
  input: z.strictObject({
    keyId: rootKeyId,
    name: rootKeyName.nullable().optional().describe(`${rootKeyName.description} null removes the name.`),
    enabled: z
      .boolean()
      .optional()
      .describe("false: requests with the root key are refused until it is enabled again."),
    permissions: rootKeyPermissions
      .optional()
      .describe(`Replaces all permissions. ${rootKeyPermissions.description}`),
  }),
  output: z.strictObject({}),
  errors: ["root_key_unknown", "protected_resource"],
  example: { input: { keyId: "root_0Ck3vDbnXhq2Tn6Yp1Zs4a", enabled: false }, output: {} },

  async transact(input, context) {
    const { caller, tx, audit, evict } = context;
    const { keyId, name, enabled, permissions } = input;
    const own = await lockRootKeys(context);
    const key = may(caller, "root_key", keyId, "update_root_key")
      ? await findRootKey(tx, caller.workspaceId, keyId)
      : undefined;
    if (key === undefined) throw new Failure("root_key_unknown");
    const plainPermissions =
      permissions && (await requireGrantable(context, own, permissions, key.permissions));
    const isRestricted = enabled === false || permissions?.includes("*") === false;
    if (isRestricted) await refuseLastOwner(context, key);
    const fields = changedFields(input, "keyId");
    if (fields.length === 0) return {};
    await setRootKey(tx, caller.workspaceId, keyId, { name, enabled, permissions, plainPermissions });
    audit("rootkey.update", keyId, fields);
    evict(keyId);
    return {};
  },
});
