import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findKeyWithHash } from "../../storage/queries/keys.ts";
import { text } from "../fields.ts";
import { key, keyAnswer, keyExample } from "../keyAnswer.ts";

export const whoami = operation({
  name: "keys.whoami",
  summary: "Read one key by the key itself",
  description: "Disabled and expired keys too; nothing is counted or spent.",
  permission: "api.<id>.read_key",
  input: z.strictObject({ key: text(1, 512).meta({ secret: true }) }),
  output: key,
  errors: ["key_not_found"],
  example: { input: { key: "prod_2cGKbMxRyIzhCxo1Idjz8q" }, output: keyExample },

  async run(input, { caller, db, nowMs, hashKey, usage }) {
    const found = await findKeyWithHash(db, caller.workspaceId, hashKey(input.key), nowMs);
    if (found === undefined || !may(caller, "api", found.apiId, "read_key"))
      throw new Failure("key_not_found");
    const lastUses = await usage.lastUses(caller.workspaceId, [found.id]);
    return keyAnswer(found, lastUses.get(found.id));
  },
});
