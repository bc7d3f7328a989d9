import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { deleteIdentityRow, lockIdentity } from "../../storage/queries/identities.ts";
import { deleteRatelimits } from "../../storage/queries/ratelimits.ts";
import { identityRef } from "../fields.ts";

export const deleteIdentity = operation({
  name: "identities.deleteIdentity",
  summary: "Delete an identity",
  description:
    "Permanent: the metadata and shared limits are gone, its keys stay valid without them, and the external id is free.",
  permission: "identity.<id>.delete_identity",
  input: z.strictObject({ identity: identityRef }),
  errors: ["identity_not_found"],
  example: { input: { identity: "user_123" } },
  problemJson: true,

  async transact(input, { caller, tx, audit, evict }) {
    const current = await lockIdentity(tx, caller.workspaceId, input.identity);
    if (current === undefined || !may(caller, "identity", current.id, "delete_identity")) {
      throw new Failure("identity_not_found");
    }
    for (const id of await deleteRatelimits(tx, caller.workspaceId, current.id))
      audit("ratelimit.delete", id);
    await deleteIdentityRow(tx, caller.workspaceId, current.id);
    audit("identity.delete", current.id);
    evict(current.id);
  },
});
