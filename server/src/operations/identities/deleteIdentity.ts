import { z } from "zod";
import { type Account, quotasOf } from "../../domain/accounts.ts";
import { may } from "../../domain/caller.ts";
import { looksLikeIdOfAnother } from "../../domain/ids.ts";
import { Failure } from "../../errors/failure.ts";
import { operation } from "../../operation.ts";
import { deleteAccount, lockAccounts } from "../../storage/queries/accounts.ts";
import { deleteHoldsOfIdentity } from "../../storage/queries/holds.ts";
import { deleteIdentityRow, lockIdentity } from "../../storage/queries/identities.ts";
import { deleteRatelimits } from "../../storage/queries/ratelimits.ts";
import { identityRef } from "../shared/identities.ts";

export const deleteIdentity = operation({
  name: "identities.deleteIdentity",
  summary: "Delete an identity",
  description:
    "This is permanent. The identity's metadata, rate limits, credits and quotas are deleted, and its reservations end. Its keys stay valid without them. The external id can be used again. Text of the form of an id (`id_` and 22 letters or digits) is never looked up as an external id, so a repeated call with an id cannot delete another identity.",
  permission: "identity.<id>.delete_identity",
  input: z.strictObject({ identity: identityRef }),
  errors: ["identity_not_found"],
  example: { input: { identity: "user_123" } },
  problemJson: true,

  async transact(input, { caller, tx, audit, evict, now }) {
    const current = await lockIdentity(tx, caller.workspaceId, input.identity);
    if (current === undefined || looksLikeIdOfAnother(input.identity, "id", current.id)) {
      throw new Failure("identity_not_found");
    }
    if (!may(caller, "identity", current.id, "delete_identity")) throw new Failure("identity_not_found");
    for (const id of await deleteRatelimits(tx, caller.workspaceId, current.id))
      audit("ratelimit.delete", id);
    const account = { workspaceId: caller.workspaceId, id: current.id, kind: "identity" } as const;
    // waits for the settlements of holds that have begun; later settlements find no hold
    const book = await lockAccounts(tx, [account], now);
    await deleteIdentityRow(tx, caller.workspaceId, current.id);
    await deleteHoldsOfIdentity(tx, caller.workspaceId, current.id);
    await deleteAccount(tx, account);
    audit("identity.delete", current.id);
    evict(current.id);
    return lostCaps(book.get(current.id));
  },
});

/** A warning if the identity had credits or quotas, which now no longer limit its keys. */
function lostCaps(account: Account | undefined): string[] {
  if (account === undefined) return [];
  const had = [
    ...(account.credits.remaining === null ? [] : ["credits"]),
    ...(quotasOf(account).length === 0 ? [] : ["quotas"]),
  ];
  if (had.length === 0) return [];
  const what = had.join(" and ");
  return [`The identity's ${what} were deleted: its keys without ${what} of their own are now unlimited.`];
}
