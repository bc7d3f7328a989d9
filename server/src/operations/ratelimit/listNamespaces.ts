import { z } from "zod";
import { idsWith, mayAll } from "../../domain/caller.ts";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { listNamespaces as listRows } from "../../storage/queries/namespaces.ts";
import { namespace, namespaceExample, namespaceResponse } from "../shared/namespaces.ts";
import { order, searchInput, searchStart } from "../shared/paging.ts";

export const listNamespaces = operation({
  name: "ratelimit.listNamespaces",
  summary: "List rate limit namespaces",
  description:
    "The namespaces that the root key may read, oldest first unless `order` says otherwise. `search` covers the id and the name. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.",
  permission: "ratelimit.<id>.read_namespace",
  input: z.strictObject({ ...searchInput, order }),
  page: namespace,
  errors: [],
  example: { input: { limit: 50 }, output: [namespaceExample] },

  async run(input, { caller, slow }) {
    const { rows, readUntilId } = await listRows(slow, caller.workspaceId, {
      ...searchStart(input),
      descending: input.order === "desc",
      onlyIds: mayAll(caller, "ratelimit", "read_namespace")
        ? undefined
        : idsWith(caller, "ratelimit", "read_namespace"),
    });
    return pageOf(rows, input.limit, namespaceResponse, readUntilId);
  },
});
