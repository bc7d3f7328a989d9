import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findRootKey, revokeRootKey } from "../../storage/queries/rootKeys.ts";
import { lockRootKeys, refuseLastOwner, rootKeyId } from "../shared/rootKeys.ts";

export const deleteKey = operation({
  name: "rootKeys.deleteKey",
  summary: "Delete a root key",
  description:
    "This is permanent. Requests with the root key are refused at once. The last enabled root key of a workspace with the permission `*` is not deleted.",
  permission: "root_key.<id>.delete_root_key",
  input: z.strictObject({ keyId: rootKeyId }),
  output: z.strictObject({}),
  errors: ["root_key_unknown", "protected_resource"],
  example: { input: { keyId: "root_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: {} },

  async transact({ keyId }, context) {
    const { caller, tx, audit, evict, now } = context;
    await lockRootKeys(context);
    const key = may(caller, "root_key", keyId, "delete_root_key")
      ? await findRootKey(tx, caller.workspaceId, keyId)
      : undefined;
    if (key === undefined) throw new Failure("root_key_unknown");
    await refuseLastOwner(context, key);
    await revokeRootKey(tx, keyId, now());
    audit("rootkey.delete", keyId);
    evict(keyId);
    return {};
  },
});
