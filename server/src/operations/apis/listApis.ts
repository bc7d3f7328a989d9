import { z } from "zod";
import { idsWith, mayAll } from "../../domain/caller.ts";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { listApis as listRows } from "../../storage/queries/apis.ts";
import { api, apiExample, apiResponse } from "../shared/apis.ts";
import { order, searchInput, searchStart } from "../shared/paging.ts";

export const listApis = operation({
  name: "apis.listApis",
  summary: "List apis",
  description:
    "The apis that the root key may read, oldest first unless `order` says otherwise. `search` covers the id and the name. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.",
  permission: "api.<id>.read_api",
  input: z.strictObject({ ...searchInput, order }),
  page: api,
  errors: [],
  example: { input: { limit: 50 }, output: [apiExample] },

  async run(input, { caller, slow }) {
    const { rows, readUntilId } = await listRows(slow, caller.workspaceId, {
      ...searchStart(input),
      descending: input.order === "desc",
      onlyIds: mayAll(caller, "api", "read_api") ? undefined : idsWith(caller, "api", "read_api"),
    });
    return pageOf(rows, input.limit, apiResponse, readUntilId);
  },
});
