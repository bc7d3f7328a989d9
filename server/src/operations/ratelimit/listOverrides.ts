import { z } from "zod";
import { operation } from "../../operation.ts";
import { listOverrides as listRows } from "../../storage/queries/namespaces.ts";
import { cursor } from "../fields.ts";
import { namespaceRef, override, overrideAnswer, overrideExample, requireNamespace } from "../namespaces.ts";
import { pageOf, pageStart } from "../paging.ts";

export const listOverrides = operation({
  name: "ratelimit.listOverrides",
  summary: "List the overrides of a namespace",
  description: "In the order in which they were made.",
  permission: "ratelimit.<id>.read_override",
  input: z.strictObject({
    namespace: namespaceRef,
    limit: z.int().min(1).max(100).default(50),
    cursor: cursor.optional(),
  }),
  page: override,
  errors: ["ratelimit_namespace_not_found"],
  example: { input: { namespace: "email.send" }, output: [overrideExample] },

  async run(input, { caller, db, slow }) {
    const namespaceId = await requireNamespace(db, caller, input.namespace, "read_override");
    const rows = await listRows(slow, caller.workspaceId, namespaceId, pageStart(input));
    return pageOf(rows, input.limit, overrideAnswer);
  },
});
