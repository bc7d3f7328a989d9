import { z } from "zod";
import { idsWith, mayAll } from "../../domain/caller.ts";
import { JsonText } from "../../domain/written.ts";
import { operation } from "../../operation.ts";
import { pageOf } from "../../storage/jsonPage.ts";
import { accountResponses } from "../shared/accounts.ts";
import { identity, identityExample } from "../shared/identities.ts";
import { searchInput, searchStart } from "../shared/paging.ts";

type Item = z.input<typeof identity>;

export const listIdentities = operation({
  name: "identities.listIdentities",
  summary: "List identities",
  description:
    "All identities, oldest first. `search` covers the id and the external id. A page that would have more than 8 MiB is shortened, and `pagination` says that more follow. A page of a search may have fewer items than `limit`, or none, although more follow: `pagination.hasMore` says whether more follow.",
  permission: "identity.<id>.read_identity",
  input: z.strictObject(searchInput),
  page: identity,
  errors: [],
  example: { input: { limit: 50 }, output: [identityExample] },

  async run(input, { caller, readSlowly, slow, nowMs }) {
    const { workspaceId } = caller;
    const { limit } = input;
    const onlyIds = mayAll(caller, "identity", "read_identity")
      ? undefined
      : idsWith(caller, "identity", "read_identity");
    const filter = { ...searchStart(input), onlyIds };
    const { json, nextAfterId, withAccount } = await readSlowly("identityPage", {
      workspaceId,
      limit,
      filter,
    });
    const items = new JsonText<Item[]>(json);
    if (withAccount.length === 0) return { items, nextAfterId };
    const owners = withAccount.map((id) => ({ workspaceId, id, kind: "identity" as const }));
    const accounts = await accountResponses({ db: slow, nowMs }, owners);
    return pageOf(items.value(), limit, (item) => ({ ...item, ...accounts.get(item.id) }), nextAfterId);
  },
});
