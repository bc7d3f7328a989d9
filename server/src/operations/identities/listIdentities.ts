import { z } from "zod";
import { idsWith, mayAll } from "../../domain/caller.ts";
import { operation } from "../../operation.ts";
import { listIdentities as listRows } from "../../storage/queries/identities.ts";
import { identity, identityAnswer, identityExample } from "../fields.ts";
import { pageOf, searchInput, searchStart } from "../paging.ts";

export const listIdentities = operation({
  name: "identities.listIdentities",
  summary: "List identities",
  description: "All identities in the order in which they were made, a page at a time.",
  permission: "identity.<id>.read_identity",
  input: z.strictObject(searchInput),
  page: identity,
  errors: [],
  example: { input: { limit: 50 }, output: [identityExample] },

  async run(input, { caller, slow }) {
    const rows = await listRows(slow, caller.workspaceId, {
      ...searchStart(input),
      onlyIds: mayAll(caller, "identity", "read_identity")
        ? undefined
        : idsWith(caller, "identity", "read_identity"),
    });
    return pageOf(rows, input.limit, identityAnswer);
  },
});
