import { z } from "zod";
import { invalid } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { type Credits, lockBalance, setBalance } from "../../storage/queries/balances.ts";
import { setKey } from "../../storage/queries/keyWrites.ts";
import {
  externalId,
  givenRatelimits,
  instant,
  keyId,
  keyName,
  meta,
  metaText,
  permissionSlugs,
  ratelimits,
  refill,
  roleNames,
} from "../fields.ts";
import {
  changedFields,
  evictKey,
  linkIdentity,
  lockPermittedKey,
  makePermissions,
  refillOf,
  refillOfUnlimited,
  replacePermissions,
  replaceRatelimits,
  replaceRoles,
  shadowedLimits,
} from "../parts.ts";

const creditsChange = z.strictObject({
  remaining: z.int().min(0).nullable().optional().describe("null: unlimited, and the refill is gone."),
  refill: refill.nullable().optional().describe("null: no refill any more."),
});

const input = z.strictObject({
  keyId,
  name: keyName.nullable().optional(),
  externalId: externalId.nullable().optional().describe("null unlinks the identity."),
  meta: meta.nullable().optional(),
  expires: instant.nullable().optional().describe("null: never."),
  credits: creditsChange.nullable().optional().describe("null: unlimited."),
  ratelimits: ratelimits.optional(),
  enabled: z.boolean().optional(),
  roles: roleNames.optional(),
  permissions: permissionSlugs.optional(),
});

type Input = z.output<typeof input>;

export const updateKey = operation({
  name: "keys.updateKey",
  summary: "Update a key",
  description: "What is left away stays, null clears, a value replaces.",
  permission: "api.<id>.update_key",
  input,
  output: z.strictObject({ warnings: z.array(z.string()).optional() }),
  errors: ["key_not_found", "role_not_found"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", name: null, enabled: false }, output: {} },

  async transact(input, context) {
    const { caller, tx, audit, nowMs, limits, note } = context;
    refuseDailyDay(input);
    const given = input.ratelimits && givenRatelimits(input.ratelimits, limits);
    const newMeta = input.meta && metaText(input.meta, limits, note);
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    // what verifications have spent by now must not come back
    const current = input.credits && (await lockBalance(tx, key, nowMs));
    const balance = nextBalance(current ?? undefined, input.credits);
    const identityId = input.externalId && (await linkIdentity(context, input.externalId));
    await setKey(
      tx,
      caller.workspaceId,
      key.id,
      { name: input.name, identityId, meta: newMeta, expiresAtMs: input.expires, enabled: input.enabled },
      nowMs,
    );
    if (balance !== "unchanged") await setBalance(tx, key, balance, nowMs);
    if (input.roles !== undefined) await replaceRoles(context, key.id, input.roles);
    if (input.permissions !== undefined) {
      await replacePermissions(context, key.id, await makePermissions(context, input.permissions));
    }
    const own = given ? await replaceRatelimits(context, key.id, key.ratelimits, given) : key.ratelimits;
    audit("key.update", key.id, changedFields(input, "keyId"));
    evictKey(context, key);
    return shadowedLimits(
      context,
      own,
      identityId === undefined ? key.identityId : (identityId ?? undefined),
    );
  },
});

function refuseDailyDay({ credits }: Input): void {
  const given = credits?.refill;
  if (given?.interval !== "daily" || given.refillDay === undefined) return;
  throw invalid(
    "body.credits.refill.refillDay",
    "is given for a daily refill",
    "leave it away, or refill monthly",
  );
}

/**
 * The balance after the change; undefined: unlimited.
 * Errors: `invalid_input` for a refill of unlimited credits.
 */
function nextBalance(
  current: Credits | undefined,
  change: Input["credits"],
): Credits | undefined | "unchanged" {
  if (change === undefined) return "unchanged";
  if (change === null) return undefined;
  const { remaining = current?.remaining ?? null, refill: newRefill } = change;
  if (change.remaining === undefined && newRefill === undefined) return "unchanged";
  if (remaining === null && newRefill) throw refillOfUnlimited("body.credits");
  if (remaining === null) return undefined;
  if (newRefill === undefined) return { remaining, refill: current?.refill };
  return { remaining, refill: newRefill === null ? undefined : refillOf(newRefill) };
}
