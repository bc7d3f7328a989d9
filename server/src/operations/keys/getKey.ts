import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findKey } from "../../storage/queries/keys/read.ts";
import { accountResponses } from "../shared/accounts.ts";
import { decrypt, key, keyExample, keyId, keyResponse, requireDecryption } from "../shared/keys.ts";

export const getKey = operation({
  name: "keys.getKey",
  summary: "Read one key",
  permission: "api.<id>.read_key",
  input: z.strictObject({
    keyId,
    decrypt,
  }),
  output: key,
  errors: ["key_not_found", "precondition_failed"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" }, output: keyExample },

  async run(input, context) {
    const { caller, db, nowMs, recovery, usage } = context;
    const found = await findKey(db, caller.workspaceId, input.keyId, nowMs);
    if (found === undefined || !may(caller, "api", found.apiId, "read_key"))
      throw new Failure("key_not_found");
    const open = input.decrypt ? requireDecryption(caller, found.apiId, recovery) : undefined;
    const lastUses = await usage.lastUses(caller.workspaceId, [found.id]);
    const response = keyResponse(found, lastUses.get(found.id), open);
    if (!found.hasQuotas) return response;
    const owner = { workspaceId: caller.workspaceId, id: found.subjectId, kind: "key" as const };
    const accounts = await accountResponses(context, [owner]);
    return { ...response, quotas: accounts.get(found.subjectId)?.quotas };
  },
});
