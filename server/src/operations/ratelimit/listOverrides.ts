import { z } from "zod";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { listOverrides as listRows } from "../../storage/queries/namespaces.ts";
import {
  namespaceRef,
  override,
  overrideExample,
  overrideResponse,
  requireNamespace,
} from "../shared/namespaces.ts";
import { cursor, pageLimit, pageStart } from "../shared/paging.ts";

export const listOverrides = operation({
  name: "ratelimit.listOverrides",
  summary: "List the overrides of a namespace",
  description: "All overrides, oldest first.",
  permission: "ratelimit.<id>.read_override",
  input: z.strictObject({
    namespace: namespaceRef,
    limit: pageLimit.default(10),
    cursor: cursor.optional(),
  }),
  page: override,
  errors: ["ratelimit_namespace_not_found"],
  example: { input: { namespace: "email.send" }, output: [overrideExample] },

  async run(input, { caller, db, slow }) {
    const namespaceId = await requireNamespace(db, caller, input.namespace, "read_override");
    const rows = await listRows(slow, caller.workspaceId, namespaceId, pageStart(input));
    return pageOf(rows, input.limit, overrideResponse);
  },
});
