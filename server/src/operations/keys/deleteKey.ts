import { z } from "zod";
import { operation } from "../../operation.ts";
import { deleteKeyRow, setKeyDeleted } from "../../storage/queries/keyWrites.ts";
import { keyId } from "../fields.ts";
import { evictKey, lockPermittedKey } from "../parts.ts";

export const deleteKey = operation({
  name: "keys.deleteKey",
  summary: "Delete a key",
  description: "The key is invalid from this answer on. `permanent` also removes its record.",
  permission: "api.<id>.delete_key",
  input: z.strictObject({ keyId, permanent: z.boolean().default(false) }),
  output: z.strictObject({}),
  errors: ["key_not_found"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: {} },

  async transact(input, context) {
    const { caller, tx, audit, nowMs } = context;
    const key = await lockPermittedKey(context, input.keyId, "delete_key");
    if (input.permanent) await deleteKeyRow(tx, caller.workspaceId, key);
    else await setKeyDeleted(tx, caller.workspaceId, key.id, nowMs);
    audit("key.delete", key.id);
    evictKey(context, key);
    return {};
  },
});
