import { z } from "zod";
import { operation } from "../../operation.ts";
import { listRoles as listRows, withPermissions } from "../../storage/queries/roles.ts";
import { loadedPage, searchInput, searchStart } from "../shared/paging.ts";
import { role, roleExample, roleResponse } from "../shared/roles.ts";

/** roughly how many bytes one permission adds to a role in a page */
const bytesOfPermission = 200;

export const listRoles = operation({
  name: "permissions.listRoles",
  summary: "List roles",
  description:
    "All roles, oldest first. `search` covers id, name and description. A page that would have more than 8 MiB is shortened, and `pagination` says that more follow. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.",
  permission: "rbac.*.read_role",
  input: z.strictObject(searchInput),
  page: role,
  errors: [],
  example: { input: { limit: 50 }, output: [roleExample] },

  async run(input, { caller, slow }) {
    const { rows, readUntilId } = await listRows(slow, caller.workspaceId, searchStart(input));
    const page = await loadedPage(rows, input.limit, {
      bytesOf: ({ permissionCount }) => permissionCount * bytesOfPermission,
      load: async (some) => (await withPermissions(slow, caller.workspaceId, some)).map(roleResponse),
    });
    return { ...page, nextAfterId: page.nextAfterId ?? readUntilId };
  },
});
