import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { listKeys as listRows, withDetails } from "../../storage/queries/keys/read.ts";
import { idsOf } from "../shared/changes.ts";
import {
  apiId,
  bytesOfKey,
  decrypt,
  key,
  keyExample,
  keyResponse,
  requireDecryption,
} from "../shared/keys.ts";
import { cursor, loadedPage, pageLimit, pageStart } from "../shared/paging.ts";
import { text } from "../shared/values.ts";

export const listKeys = operation({
  name: "apis.listKeys",
  summary: "List the keys of an api",
  description:
    "All keys of the api, oldest first, also disabled and expired keys. A page that would have more than 8 MiB is shortened, and `pagination` says that more follow.",
  permission: "api.<id>.read_key",
  alsoNeeds: ["api.<id>.read_api"],
  input: z.strictObject({
    apiId: apiId.min(1),
    limit: pageLimit.default(100),
    cursor: cursor.optional(),
    externalId: text(1, 255)
      .optional()
      .describe("Returns only the keys of the identity with this external id.")
      .meta({ private: true }),
    decrypt,
    revalidateKeysCache: z
      .boolean()
      .default(false)
      .describe("Has no effect, because lists are never cached. Accepted for compatibility."),
  }),
  page: key,
  errors: ["api_not_found", "precondition_failed"],
  example: { input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a", limit: 50 }, output: [keyExample] },

  async run(input, { caller, db, slow, nowMs, recovery, usage }) {
    const api = await findApi(db, caller.workspaceId, input.apiId);
    const readable =
      may(caller, "api", input.apiId, "read_key") && may(caller, "api", input.apiId, "read_api");
    if (api === undefined || !readable) throw new Failure("api_not_found");
    const open = input.decrypt ? requireDecryption(caller, api.id, recovery) : undefined;
    const filter = { ...pageStart(input), apiId: api.id, externalId: input.externalId };
    const rows = await listRows(slow, caller.workspaceId, filter);
    const lastUses = await usage.lastUses(caller.workspaceId, idsOf(rows));
    return loadedPage(rows, input.limit, {
      bytesOf: bytesOfKey,
      async load(some) {
        const keys = await withDetails(slow, caller.workspaceId, some, nowMs);
        return keys.map((one) => keyResponse(one, lastUses.get(one.id), open));
      },
    });
  },
});
