import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { listKeys as listRows } from "../../storage/queries/keys.ts";
import { apiId, cursor, text } from "../fields.ts";
import { key, keyAnswer, keyExample, openPlaintext } from "../keyAnswer.ts";
import { pageOf, pageStart } from "../paging.ts";
import { idsOf } from "../parts.ts";

export const listKeys = operation({
  name: "apis.listKeys",
  summary: "List the keys of an api",
  description: "All keys of the api in the order in which they were made, disabled and expired ones too.",
  permission: "api.<id>.read_key",
  alsoNeeds: ["api.<id>.read_api"],
  input: z.strictObject({
    apiId: apiId.min(1),
    limit: z.int().min(1).max(100).default(100),
    cursor: cursor.optional(),
    externalId: text(1, 255).optional().describe("Only keys of this identity.").meta({ private: true }),
    decrypt: z.boolean().default(false).describe("Adds `plaintext` to keys that can be shown again."),
    revalidateKeysCache: z.boolean().default(false).describe("Taken and not needed: a list is never cached."),
  }),
  page: key,
  errors: ["api_not_found", "precondition_failed"],
  example: { input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a", limit: 50 }, output: [keyExample] },

  async run(input, { caller, db, slow, nowMs, recovery, usage }) {
    const api = await findApi(db, caller.workspaceId, input.apiId);
    const readable =
      may(caller, "api", input.apiId, "read_key") && may(caller, "api", input.apiId, "read_api");
    if (api === undefined || !readable) throw new Failure("api_not_found");
    const open = input.decrypt ? openPlaintext(caller, api.id, recovery) : undefined;
    const filter = { ...pageStart(input), apiId: api.id, externalId: input.externalId };
    const rows = await listRows(slow, caller.workspaceId, filter, nowMs);
    const lastUses = await usage.lastUses(caller.workspaceId, idsOf(rows));
    return pageOf(rows, input.limit, (row) => keyAnswer(row, lastUses.get(row.id), open));
  },
});
