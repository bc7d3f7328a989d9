import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findKey } from "../../storage/queries/keys.ts";
import { keyId } from "../fields.ts";
import { key, keyAnswer, keyExample, openPlaintext } from "../keyAnswer.ts";

export const getKey = operation({
  name: "keys.getKey",
  summary: "Read one key",
  permission: "api.<id>.read_key",
  input: z.strictObject({
    keyId,
    decrypt: z.boolean().default(false).describe("Adds `plaintext` to a key that can be shown again."),
  }),
  output: key,
  errors: ["key_not_found", "precondition_failed"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: keyExample },

  async run(input, { caller, db, nowMs, recovery, usage }) {
    const found = await findKey(db, caller.workspaceId, input.keyId, nowMs);
    if (found === undefined || !may(caller, "api", found.apiId, "read_key"))
      throw new Failure("key_not_found");
    const open = input.decrypt ? openPlaintext(caller, found.apiId, recovery) : undefined;
    const lastUses = await usage.lastUses(caller.workspaceId, [found.id]);
    return keyAnswer(found, lastUses.get(found.id), open);
  },
});
