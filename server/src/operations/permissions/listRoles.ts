import { z } from "zod";
import { operation } from "../../operation.ts";
import { listRoles as listRows } from "../../storage/queries/permissions.ts";
import { role, roleAnswer, roleExample } from "../keyAnswer.ts";
import { pageOf, searchInput, searchStart } from "../paging.ts";

export const listRoles = operation({
  name: "permissions.listRoles",
  summary: "List roles",
  description: "In the order in which they were made. `search` looks at id, name and description.",
  permission: "rbac.*.read_role",
  input: z.strictObject(searchInput),
  page: role,
  errors: [],
  example: { input: { limit: 50 }, output: [roleExample] },

  async run(input, { caller, slow }) {
    const rows = await listRows(slow, caller.workspaceId, searchStart(input));
    return pageOf(rows, input.limit, roleAnswer);
  },
});
