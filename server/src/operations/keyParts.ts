import type { z } from "zod";
import { nextRefillAt, type Refill } from "../domain/credits.ts";
import type { StoredRatelimit } from "../domain/verification.ts";
import { Failure, invalid } from "../errors.ts";
import type { TransactContext } from "../operation.ts";
import { insertBalance } from "../storage/queries/balances.ts";
import {
  claimPermissions,
  findRolesByName,
  insertKeyPermissions,
  insertKeyRoles,
} from "../storage/queries/grants.ts";
import { claimIdentity } from "../storage/queries/identities.ts";
import { listRatelimits } from "../storage/queries/ratelimits.ts";
import type { credits } from "./fields.ts";

/** The id of the identity that a key's `externalId` names, made where there was none. */
export async function linkIdentity(context: TransactContext, externalId: string): Promise<string> {
  const { caller, tx, audit, newId, nowMs } = context;
  const wanted = newId("id");
  const id = await claimIdentity(tx, { id: wanted, workspaceId: caller.workspaceId, externalId, nowMs });
  if (id === wanted) audit("identity.create", id);
  return id;
}

/** Gives the key these permissions directly; slugs that do not exist yet are made. */
export async function attachPermissions(context: TransactContext, keyId: string, slugs: readonly string[]) {
  const { caller, tx, audit, newId, nowMs } = context;
  const { ids, made } = await claimPermissions(tx, caller.workspaceId, [...new Set(slugs)], {
    newId: () => newId("perm"),
    nowMs,
  });
  for (const id of made) audit("permission.create", id);
  await insertKeyPermissions(tx, caller.workspaceId, keyId, ids);
  if (ids.length > 0) audit("authorization.connect_permission_and_key", keyId, ["permissions"]);
}

/**
 * Gives the key these roles.
 * Errors: `role_not_found` naming the first that does not exist.
 */
export async function attachRoles(context: TransactContext, keyId: string, names: readonly string[]) {
  const { caller, tx, audit } = context;
  const roles = await findRolesByName(tx, caller.workspaceId, [...new Set(names)]);
  const known = new Set(roles.map((role) => role.name));
  const missing = names.find((name) => !known.has(name));
  if (missing !== undefined) {
    throw new Failure("role_not_found", { detail: `There is no role named ${JSON.stringify(missing)}.` });
  }
  const ids = roles.map((role) => role.id);
  await insertKeyRoles(tx, caller.workspaceId, keyId, ids);
  if (ids.length > 0) audit("authorization.connect_role_and_key", keyId, ["roles"]);
}

/** Gives a new key its credits; `remaining: null` is unlimited, which is having no balance. */
export async function openBalance(context: TransactContext, keyId: string, given: z.output<typeof credits>) {
  const { remaining, refill } = given;
  if (remaining === null && refill !== undefined) {
    throw invalid(
      "body.credits.refill",
      "refills a key whose credits are unlimited",
      "give `remaining` a number, or leave `refill` away",
    );
  }
  if (remaining === null) return;
  const plan = refill && refillPlan(refill);
  await insertBalance(context.tx, {
    subjectId: keyId,
    workspaceId: context.caller.workspaceId,
    remaining,
    refillAmount: refill?.amount,
    refillDay: plan?.interval === "monthly" ? plan.day : undefined,
    nextRefillAtMs: plan && nextRefillAt(plan, context.nowMs),
  });
}

function refillPlan(refill: { interval: "daily" | "monthly"; refillDay?: number | undefined }): Refill {
  return refill.interval === "daily"
    ? { interval: "daily" }
    : { interval: "monthly", day: refill.refillDay ?? 1 };
}

/** Names the identity's limits that the key's own ones of the same name hide. */
export async function shadowedLimits(
  context: TransactContext,
  own: readonly StoredRatelimit[],
  identityId: string | undefined,
): Promise<{ warnings?: string[] }> {
  if (identityId === undefined || own.length === 0) return {};
  const shared = await listRatelimits(context.tx, context.caller.workspaceId, [identityId]);
  const names = new Set((shared.get(identityId) ?? []).map((limit) => limit.name));
  const warnings = own
    .filter((limit) => names.has(limit.name))
    .map(
      (limit) => `The key's own limit ${JSON.stringify(limit.name)} hides its identity's of the same name.`,
    );
  return warnings.length === 0 ? {} : { warnings };
}
