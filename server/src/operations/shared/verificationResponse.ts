import { z } from "zod";
import { identityResponse } from "../../domain/identityResponse.ts";
import { itemAt } from "../../domain/itemAt.ts";
import { type IdentityRecord, type KeyRecord, refusalCodes } from "../../domain/verification.ts";
import { reservation } from "./holds.ts";
import { key } from "./keys.ts";
import { usedQuota, usedQuotaResponse } from "./quotas.ts";
import { reset, storedRatelimit } from "./ratelimits.ts";
import { amount } from "./values.ts";
import type { Counted, Outcome } from "./verification.ts";

/**
 * Marks fields that a client may use only if the key is valid. The SDK's type of a refusal does not have these members.
 */
const onlyWhenValid = { "x-latchkey-only-when-valid": true };

const limitFields = storedRatelimit.shape;

const countedRatelimit = z.strictObject({
  id: z.string().max(255).describe("The rate limit's id. Empty for a limit that only the request describes."),
  name: limitFields.name,
  limit: limitFields.limit,
  duration: limitFields.duration,
  reset,
  remaining: amount.describe("The highest cost with which the very next verification passes."),
  exceeded: z.boolean().describe("Whether this limit refused the verification."),
  autoApply: limitFields.autoApply,
});

const { keyId, keyspaceId, name, meta, expires, enabled, permissions, roles, identity } = key.shape;

const keyFields = {
  keyId,
  keyspaceId,
  name,
  meta: meta.meta({ ...meta.meta(), ...onlyWhenValid }),
  expires,
  credits: amount
    .optional()
    .describe(
      "The number of credits left after this verification: of the key or of its identity, whichever has fewer. Omitted if they are unlimited.",
    ),
  creditsOwner: z
    .enum(["key", "identity"])
    .optional()
    .describe("Whose credits `credits` are. Omitted if only the key can have limited credits."),
  quotas: z
    .array(usedQuota)
    .max(100)
    .optional()
    .describe(
      "The quotas that this verification used, or would have used if it had been valid. Omitted if the key and its identity have none.",
    ),
  reservation: reservation
    .optional()
    .describe("What the verification holds, if it was valid and sent `reserve`."),
  enabled,
  permissions: permissions.meta({ ...permissions.meta(), ...onlyWhenValid }),
  roles: roles.meta({ ...roles.meta(), ...onlyWhenValid }),
  identity: identity.meta({ ...identity.meta(), ...onlyWhenValid }),
  ratelimits: z
    .array(countedRatelimit)
    .optional()
    .describe(
      "The rate limits that this verification was counted against. Omitted if it was counted against none.",
    ),
};

/** The response to a verification. If the key is not found, it has only `valid` and `code`. */
export const verification = z.discriminatedUnion("code", [
  z.strictObject({
    valid: z.literal(true).describe("The request may pass."),
    code: z.literal("VALID").describe("The key is valid."),
    ...keyFields,
  }),
  z.strictObject({
    valid: z.literal(false).describe("The request must be refused."),
    code: z.literal("NOT_FOUND").describe("There is no such key, or the caller may not verify it."),
  }),
  z.strictObject({
    valid: z.literal(false).describe("The request must be refused."),
    code: z
      .enum(refusalCodes)
      .describe(
        "Why the key was refused: `FORBIDDEN`, its workspace is disabled, or the `ipAllowList` of the key or its api does not have `ip`; `INSUFFICIENT_PERMISSIONS`, the key does not satisfy `permissions`; `USAGE_EXCEEDED`, the key or its identity has too few credits or too few units of a quota; `RATE_LIMITED`, a limit in `ratelimits` is exceeded; `DISABLED`; `EXPIRED`.",
      ),
    ...keyFields,
  }),
]);

export type VerificationResponse = z.input<typeof verification>;

type KeyResponse = Exclude<VerificationResponse, { code: "NOT_FOUND" }>;

export const notFound: VerificationResponse = { valid: false, code: "NOT_FOUND" };

export function verificationResponse(
  key: KeyRecord,
  { code, credits, quotas, counted, hold }: Outcome,
): VerificationResponse {
  const fields = { keyId: key.id, keyspaceId: key.keyspaceId, enabled: key.enabled };
  const response: KeyResponse =
    code === "VALID" ? { valid: true, code, ...fields } : { valid: false, code, ...fields };
  addStored(response, key);
  if (credits !== undefined) response.credits = credits.remaining;
  if (credits !== undefined && key.identityHasAccount) response.creditsOwner = credits.owner;
  if (quotas.length > 0) response.quotas = quotas.map(usedQuotaResponse);
  if (hold !== undefined) response.reservation = hold;
  if (counted !== undefined) response.ratelimits = countedRatelimits(counted);
  return response;
}

/** What every response says about the key, whatever the outcome. */
function addStored(response: KeyResponse, key: KeyRecord): void {
  if (key.name !== undefined) response.name = key.name;
  if (key.expiresAtMs !== undefined) response.expires = key.expiresAtMs;
  if (key.meta !== undefined && Object.keys(key.meta).length > 0) response.meta = key.meta;
  if (key.permissions.length > 0) response.permissions = key.permissions;
  if (key.roles.length > 0) response.roles = key.roles;
  if (key.identity !== undefined) response.identity = identityOf(key, key.identity);
}

/** The identity without the rate limits that a limit of the key with the same name overrides. */
function identityOf(key: KeyRecord, record: IdentityRecord): ReturnType<typeof identityResponse> {
  if (key.ratelimits.length === 0) return identityResponse(record);
  const own = new Set(key.ratelimits.map((limit) => limit.name));
  const shared = record.ratelimits.filter((limit) => !own.has(limit.name));
  return identityResponse({ ...record, ratelimits: shared });
}

function countedRatelimits({ ratelimits, hit, atMs }: Counted): z.input<typeof countedRatelimit>[] {
  return ratelimits.map(({ id = "", name, limit, durationMs, autoApply }, index) => {
    const { resetInMs, remaining, passed } = itemAt(hit.windows, index);
    const duration = durationMs;
    return { id, name, limit, duration, reset: atMs + resetInMs, remaining, exceeded: !passed, autoApply };
  });
}
