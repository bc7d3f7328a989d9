import { z } from "zod";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { deleteOverrideRow } from "../../storage/queries/namespaces.ts";
import { identifierPattern, namespaceRef, requireNamespace } from "../shared/namespaces.ts";

export const deleteOverride = operation({
  name: "ratelimit.deleteOverride",
  summary: "Delete an override",
  description: "Deletes the override with exactly this identifier or pattern.",
  permission: "ratelimit.<id>.delete_override",
  input: z.strictObject({ namespace: namespaceRef, identifier: identifierPattern }),
  output: z.strictObject({}),
  errors: ["ratelimit_namespace_not_found", "ratelimit_override_not_found"],
  example: { input: { namespace: "email.send", identifier: "user_123" }, output: {} },

  async transact(input, { caller, tx, audit, evict }) {
    const namespaceId = await requireNamespace(tx, caller, input.namespace, "delete_override");
    const id = await deleteOverrideRow(tx, caller.workspaceId, namespaceId, input.identifier);
    if (id === undefined) throw new Failure("ratelimit_override_not_found");
    audit("ratelimit.delete_override", id);
    evict(namespaceId);
    return {};
  },
});
