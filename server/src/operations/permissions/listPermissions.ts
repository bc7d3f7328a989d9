import { z } from "zod";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { listPermissions as listRows } from "../../storage/queries/permissions.ts";
import { searchInput, searchStart } from "../shared/paging.ts";
import { permission, permissionExample, permissionResponse } from "../shared/permissions.ts";

export const listPermissions = operation({
  name: "permissions.listPermissions",
  summary: "List permissions",
  description:
    "All permissions, oldest first. `search` covers id, name, slug and description. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.",
  permission: "rbac.*.read_permission",
  input: z.strictObject(searchInput),
  page: permission,
  errors: [],
  example: { input: { limit: 50 }, output: [permissionExample] },

  async run(input, { caller, slow }) {
    const { rows, readUntilId } = await listRows(slow, caller.workspaceId, searchStart(input));
    return pageOf(rows, input.limit, permissionResponse, readUntilId);
  },
});
