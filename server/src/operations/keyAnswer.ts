import { z } from "zod";
import { type Caller, may } from "../domain/caller.ts";
import { Failure } from "../errors.ts";
import type { Recovery } from "../operation.ts";
import type { Credits } from "../storage/queries/balances.ts";
import type { PermissionRecord, RoleRecord } from "../storage/queries/grants.ts";
import type { KeyDetails } from "../storage/queries/keys.ts";
import { identity, identityAnswer, ratelimitAnswer, storedRatelimit } from "./fields.ts";
import { requireRecovery } from "./parts.ts";

const storedRefill = z.strictObject({
  interval: z.enum(["daily", "monthly"]),
  amount: z.int(),
  refillDay: z.int().optional(),
});

/** The credits of a key; `remaining: null` is unlimited. */
export const storedCredits = z.strictObject({
  remaining: z.int().nullable(),
  refill: storedRefill.optional(),
});

/** A key as every operation answers it; what is not set is left away. */
export const key = z.strictObject({
  keyId: z.string(),
  start: z.string().describe("The first characters of the key, to recognise it by."),
  enabled: z.boolean(),
  createdAt: z.int(),
  name: z.string().optional(),
  meta: z.custom<object>().meta({ type: "object", additionalProperties: true }).optional(),
  updatedAt: z.int().optional(),
  lastUsedAt: z.int().optional(),
  expires: z.int().optional(),
  permissions: z.array(z.string()).optional(),
  roles: z.array(z.string()).optional(),
  credits: storedCredits.optional(),
  identity: identity.optional(),
  ratelimits: z.array(storedRatelimit).optional(),
  plaintext: z.string().optional().meta({ secret: true }),
});

export const permission = z.strictObject({
  id: z.string(),
  name: z.string(),
  slug: z.string(),
  description: z.string().optional(),
});

export const role = z.strictObject({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  permissions: z.array(permission).optional(),
});

export const keyExample = {
  keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  start: "prod_2cGK",
  enabled: true,
  createdAt: 1_767_225_600_000,
  name: "Payments, production",
};

export const permissionExample = {
  id: "perm_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  name: "Read documents",
  slug: "documents.read",
};

export const roleExample = {
  id: "role_0Ck3vDbnXhq2Tn6Yp1Zs4a",
  name: "editor",
  permissions: [permissionExample],
};

/**
 * Opens the keys of this api that can be shown again.
 * Errors: `precondition_failed` where the server is not set up for them, `insufficient_permissions` without
 * `decrypt_key`.
 */
export function openPlaintext(
  caller: Caller,
  apiId: string,
  recovery: Recovery | undefined,
): Recovery["open"] {
  const { open } = requireRecovery(recovery);
  if (may(caller, "api", apiId, "decrypt_key")) return open;
  throw new Failure("insufficient_permissions", { detail: 'Missing permission: "api.*.decrypt_key".' });
}

/** `lastUsedAtMs` undefined: never; `open` adds the key itself, where it can be shown again. */
export function keyAnswer(
  details: KeyDetails,
  lastUsedAtMs: number | undefined,
  open?: Recovery["open"],
): z.input<typeof key> {
  const { permissions, roles, ratelimits, meta, identity, credits, sealed } = details;
  return {
    keyId: details.id,
    start: details.start,
    enabled: details.enabled,
    createdAt: details.createdAtMs,
    name: details.name,
    meta: meta !== undefined && Object.keys(meta).length > 0 ? meta : undefined,
    updatedAt: details.updatedAtMs,
    lastUsedAt: lastUsedAtMs,
    expires: details.expiresAtMs,
    permissions: someOf(permissions),
    roles: someOf(roles),
    credits: credits && creditsAnswer(credits),
    identity: identity && identityAnswer(identity),
    ratelimits: someOf(ratelimits.map(ratelimitAnswer)),
    plaintext: sealed === undefined ? undefined : open?.(sealed),
  };
}

/** An empty list is left away. */
function someOf<T>(items: T[]): T[] | undefined {
  return items.length > 0 ? items : undefined;
}

/** undefined is unlimited. */
export function creditsAnswer(credits: Credits | undefined): z.input<typeof storedCredits> {
  if (credits === undefined) return { remaining: null };
  const { remaining, refill } = credits;
  if (refill === undefined) return { remaining };
  const { amount, day } = refill;
  return day === undefined
    ? { remaining, refill: { interval: "daily", amount } }
    : { remaining, refill: { interval: "monthly", amount, refillDay: day } };
}

export function permissionAnswer({
  id,
  name,
  slug,
  description,
}: PermissionRecord): z.input<typeof permission> {
  return description === null ? { id, name, slug } : { id, name, slug, description };
}

export function roleAnswer({ id, name, description, permissions }: RoleRecord): z.input<typeof role> {
  const answer: z.input<typeof role> = { id, name };
  if (description !== null) answer.description = description;
  if (permissions.length > 0) answer.permissions = permissions.map(permissionAnswer);
  return answer;
}
