import { type Account, quotasOf } from "../../domain/accounts.ts";
import { quoted } from "../../domain/location.ts";
import type { Quota } from "../../domain/quotas.ts";
import { Failure } from "../../errors/failure.ts";

/**
 * The account with one of its quotas changed, and that quota.
 * Errors: `precondition_failed` if the owner has no quota of this name.
 */
export function withQuota(
  account: Account,
  name: string,
  change: (quota: Quota) => Quota,
): { account: Account; quota: Quota } {
  const current = quotasOf(account).find((quota) => quota.name === name);
  if (current === undefined) throw unknownQuota("body.name", name, account.kind);
  const quota = change(current);
  const quotas = account.quotas.map((one) => (one === current ? quota : one));
  return { account: { ...account, quotas }, quota };
}

/** The 412 for the name of a quota that is not stored. */
export function unknownQuota(location: string, name: string, owner: string): Failure {
  return new Failure("precondition_failed", {
    detail: `${location}: the ${owner} has no quota named ${quoted(name)}. Add it with \`quotas\` of ${
      owner === "identity" ? "`identities.updateIdentity`" : "`keys.updateKey`"
    }.`,
  });
}
