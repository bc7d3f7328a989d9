import { z } from "zod";
import { unitsOf } from "../../domain/accounts.ts";
import { Failure } from "../../errors/failure.ts";
import { operation, type RunContext } from "../../operation.ts";
import { findIdentity } from "../../storage/queries/identities.ts";
import { findKey } from "../../storage/queries/keys/read.ts";
import { namedOwner, ownerFields } from "../shared/accounts.ts";
import { mayVerify, onExpiry, reservation, ttl, reserve as units } from "../shared/holds.ts";
import { unknownQuota } from "../shared/quotaChanges.ts";
import { quotaName } from "../shared/quotas.ts";

const input = z.strictObject({
  ...ownerFields,
  amount: units,
  quota: quotaName
    .optional()
    .describe("The name of the quota whose units are held. If omitted, credits are held."),
  ttl,
  onExpiry: onExpiry.default("release"),
});

type Input = z.output<typeof input>;

export const reserve = operation({
  name: "credits.reserve",
  summary: "Hold credits or units of a quota",
  description:
    "Takes the units now, so that nobody else can spend them, until the reservation is settled, released or expires. For a key, both its own and its identity's credits or units must suffice.",
  permission: "api.<id>.verify_key",
  input,
  output: z.strictObject({
    granted: z.boolean().describe("false: not enough is left, and nothing was taken."),
    reservation: reservation.optional().describe("What is held. Omitted if nothing is held."),
  }),
  errors: ["identity_not_found", "key_not_found", "precondition_failed"],
  example: {
    input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", amount: 4000, ttl: 120_000 },
    output: {
      granted: true,
      reservation: {
        id: "hold_0Ck3vDbnXhq2Tn6Yp1Zs4a",
        amount: 4000,
        expiresAt: 1_767_225_720_000,
      },
    },
  },

  decides: true,

  async run(input, context) {
    const owner = await findHoldOwner(context, input);
    const { amount, quota, ttl, onExpiry } = input;
    const id = context.newId("hold");
    const spent = await context.spendCredits({
      ...owner,
      workspaceId: context.caller.workspaceId,
      cost: unitsOf(quota, amount),
      hold: {
        id,
        keyId: input.keyId,
        apiId: owner.apiId,
        quota,
        ttlMs: ttl,
        onExpiry,
        requestId: context.requestId,
        tags: [],
      },
    });
    if (spent.unknownQuota !== undefined) {
      throw unknownQuota("body.quota", spent.unknownQuota, input.keyId === undefined ? "identity" : "key");
    }
    const { holdExpiresAtMs } = spent;
    if (holdExpiresAtMs === undefined) return { granted: false };
    return { granted: true, reservation: { id, amount, expiresAt: holdExpiresAtMs } };
  },
});

/**
 * Errors: `key_not_found`, also if the caller may not verify the key; `identity_not_found`, also if the caller lacks
 * the permission for all apis, which it needs because an identity's keys may be in any api.
 */
async function findHoldOwner({ caller, db, nowMs }: RunContext, input: Input) {
  const named = namedOwner(input);
  if (named.keyId !== undefined) {
    const key = await findKey(db, caller.workspaceId, named.keyId, nowMs);
    if (key === undefined || !mayVerify(caller, key.apiId)) throw new Failure("key_not_found");
    return { subjectId: key.subjectId, identityId: key.identityId, apiId: key.apiId };
  }
  const identity = await findIdentity(db, caller.workspaceId, named.identity);
  if (identity === undefined || !mayVerify(caller, null)) throw new Failure("identity_not_found");
  return { subjectId: undefined, identityId: identity.id, apiId: undefined };
}
