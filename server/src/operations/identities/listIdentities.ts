import { z } from "zod";
import { idsWith, mayAll } from "../../domain/caller.ts";
import { operation } from "../../operation.ts";
import { listIdentities as listRows } from "../../storage/queries/identities.ts";
import { accountResponses } from "../shared/accounts.ts";
import { identity, identityExample, identityResponse } from "../shared/identities.ts";
import { pageOf, searchInput, searchStart } from "../shared/paging.ts";

export const listIdentities = operation({
  name: "identities.listIdentities",
  summary: "List identities",
  description:
    "All identities, oldest first. `search` covers the id and the external id. A page that would have more than 8 MiB is shortened, and `pagination` says that more follow. A page of a search may have fewer items than `limit`, or none, although more follow.",
  permission: "identity.<id>.read_identity",
  input: z.strictObject(searchInput),
  page: identity,
  errors: [],
  example: { input: { limit: 50 }, output: [identityExample] },

  async run(input, { caller, slow, nowMs }) {
    const { rows, readUntilId } = await listRows(slow, caller.workspaceId, {
      ...searchStart(input),
      onlyIds: mayAll(caller, "identity", "read_identity")
        ? undefined
        : idsWith(caller, "identity", "read_identity"),
    });
    const withAccount = rows.filter(({ hasAccount }) => hasAccount);
    const owners = withAccount.map(({ id }) => ({
      workspaceId: caller.workspaceId,
      id,
      kind: "identity" as const,
    }));
    const accounts = await accountResponses({ db: slow, nowMs }, owners);
    const toItem = (row: (typeof rows)[number]) => ({ ...identityResponse(row), ...accounts.get(row.id) });
    return pageOf(rows, input.limit, toItem, readUntilId);
  },
});
