import { z } from "zod";
import { operation } from "../../operation.ts";
import { deleteKeyRow, setKeyDeleted } from "../../storage/queries/keys/write.ts";
import { keyId, lockPermittedKey } from "../shared/keys.ts";

export const deleteKey = operation({
  name: "keys.deleteKey",
  summary: "Delete a key",
  description: "The key is invalid as soon as this call returns.",
  permission: "api.<id>.delete_key",
  input: z.strictObject({
    keyId,
    permanent: z
      .boolean()
      .default(false)
      .describe(
        "true: removes the key's record from the database. false: keeps the record, marked as deleted. Either way the key is invalid and cannot be restored.",
      ),
  }),
  output: z.strictObject({}),
  errors: ["key_not_found"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: {} },

  async transact(input, context) {
    const { caller, tx, audit, now } = context;
    const key = await lockPermittedKey(context, input.keyId, "delete_key");
    if (input.permanent) await deleteKeyRow(tx, caller.workspaceId, key);
    else await setKeyDeleted(tx, caller.workspaceId, key.id, now());
    audit("key.delete", key.id);
    return {};
  },
});
