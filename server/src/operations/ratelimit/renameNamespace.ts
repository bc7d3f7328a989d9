import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { findNamespaceRow, renameNamespaceRow } from "../../storage/queries/namespaces.ts";
import { lockWorkspace } from "../../storage/queries/workspaces.ts";
import {
  namespace,
  namespaceExample,
  namespaceRef,
  namespaceResponse,
  requireNamespace,
} from "../shared/namespaces.ts";
import { text } from "../shared/values.ts";

export const renameNamespace = operation({
  name: "ratelimit.renameNamespace",
  summary: "Rename a rate limit namespace",
  description:
    "The id, the counters and the overrides stay. A later `ratelimit.limit` with the old name creates another namespace.",
  permission: "ratelimit.<id>.update_namespace",
  input: z.strictObject({
    namespace: namespaceRef,
    name: text(1, 512).describe("The new name, which no other namespace of the workspace may have."),
  }),
  output: namespace,
  errors: ["ratelimit_namespace_not_found", "ratelimit_namespace_already_exists"],
  example: {
    input: { namespace: "email.send", name: "email.deliver" },
    output: { ...namespaceExample, name: "email.deliver" },
  },

  async transact(input, { caller, tx, audit, evict }) {
    const { workspaceId } = caller;
    // the creation of a namespace takes the same lock, so no namespace is created meanwhile
    await lockWorkspace(tx, workspaceId);
    const id = await requireNamespace(tx, caller, input.namespace, "update_namespace");
    const found = await findNamespaceRow(tx, workspaceId, id);
    if (found === undefined) throw new Failure("ratelimit_namespace_not_found");
    if (!(await renameNamespaceRow(tx, workspaceId, id, input.name))) {
      throw new Failure("ratelimit_namespace_already_exists");
    }
    audit("ratelimitNamespace.update", id, ["name"]);
    evict(id);
    return namespaceResponse({ ...found, name: input.name });
  },
});
