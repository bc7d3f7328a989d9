import { z } from "zod";
import { looksLikeIdOfAnother } from "../../domain/ids.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { deleteNamespaceRow, lockNamespace } from "../../storage/queries/namespaces.ts";
import { lockWorkspace } from "../../storage/queries/workspaces.ts";
import { namespaceRef, requireNamespace } from "../shared/namespaces.ts";

export const deleteNamespace = operation({
  name: "ratelimit.deleteNamespace",
  summary: "Delete a rate limit namespace",
  description:
    "This is permanent, and deletes the namespace's overrides. A later `ratelimit.limit` with the same name creates another namespace, whose counters start empty. Text of the form of an id (`rlns_` and 22 letters or digits) is never looked up as a name, so a repeated call with an id cannot delete another namespace.",
  permission: "ratelimit.<id>.delete_namespace",
  input: z.strictObject({ namespace: namespaceRef }),
  output: z.strictObject({}),
  errors: ["ratelimit_namespace_not_found"],
  example: { input: { namespace: "email.send" }, output: {} },

  async transact(input, { caller, tx, audit, evict }) {
    const { workspaceId } = caller;
    // the creation of a namespace takes the same lock, so no namespace is created meanwhile
    await lockWorkspace(tx, workspaceId);
    const id = await requireNamespace(tx, caller, input.namespace, "delete_namespace");
    const isAnother = looksLikeIdOfAnother(input.namespace, "rlns", id);
    if (isAnother || !(await lockNamespace(tx, workspaceId, id))) {
      throw new Failure("ratelimit_namespace_not_found");
    }
    await deleteNamespaceRow(tx, workspaceId, id);
    audit("ratelimitNamespace.delete", id);
    evict(id);
    return {};
  },
});
