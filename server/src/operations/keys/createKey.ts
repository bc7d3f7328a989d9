import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { diffRatelimits } from "../../domain/ratelimits.ts";
import { apiKeySecret } from "../../domain/secrets.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { insertKey } from "../../storage/queries/keys.ts";
import { applyRatelimitDiff } from "../../storage/queries/ratelimits.ts";
import {
  apiId,
  credits,
  externalId,
  givenRatelimits,
  instant,
  meta,
  metaText,
  permissionSlugs,
  ratelimits,
  roleNames,
} from "../fields.ts";
import { attachPermissions, attachRoles, linkIdentity, openBalance, shadowedLimits } from "../keyParts.ts";

const input = z.strictObject({
  apiId,
  prefix: z
    .string()
    .min(1)
    .max(16)
    .regex(/^[a-zA-Z0-9_]+$/, "use only letters, digits and _")
    .optional(),
  name: z.string().min(1).max(255).optional(),
  byteLength: z.int().min(16).max(255).default(16),
  externalId: externalId.optional(),
  meta: meta.optional(),
  roles: roleNames.optional(),
  permissions: permissionSlugs.optional(),
  expires: instant.optional(),
  credits: credits.optional(),
  ratelimits: ratelimits.optional(),
  enabled: z.boolean().default(true),
  recoverable: z.boolean().default(false),
});

export const createKey = operation({
  name: "keys.createKey",
  summary: "Create a key",
  description:
    "The key is shown in this answer and never again. `externalId` links it to an identity, made if missing.",
  permission: "api.<id>.create_key",
  input,
  output: z.strictObject({
    keyId: z.string(),
    key: z.string().meta({ secret: true }),
    warnings: z.array(z.string()).optional(),
  }),
  errors: ["api_not_found", "role_not_found", "precondition_failed"],
  example: {
    input: { apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a", externalId: "user_123", prefix: "prod" },
    output: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", key: "prod_2cGKbMxRyIzhCxo1Idjz8q" },
  },

  async transact(input, context) {
    const { caller, tx, audit, newId, nowMs, limits, note } = context;
    const { workspaceId } = caller;
    const api = await findApi(tx, workspaceId, input.apiId);
    if (api === undefined || !may(caller, "api", api.id, "create_key")) throw new Failure("api_not_found");
    if (input.recoverable) {
      throw new Failure("precondition_failed", {
        detail: "Recoverable keys are not set up on this server: leave `recoverable` away.",
      });
    }
    const id = newId("key");
    const { key, start } = apiKeySecret(input.prefix, context.randomBytes(input.byteLength));
    const identityId = input.externalId && (await linkIdentity(context, input.externalId));
    await insertKey(tx, {
      id,
      workspaceId,
      apiId: api.id,
      identityId,
      hash: context.hashKey(key),
      start,
      prefix: input.prefix,
      byteLength: input.byteLength,
      name: input.name,
      meta: input.meta && metaText(input.meta, limits, note),
      enabled: input.enabled,
      expiresAtMs: input.expires,
      nowMs,
    });
    audit("key.create", id);
    await attachRoles(context, id, input.roles ?? []);
    await attachPermissions(context, id, input.permissions ?? []);
    if (input.credits !== undefined) await openBalance(context, id, input.credits);
    const diff = diffRatelimits([], givenRatelimits(input.ratelimits ?? [], limits));
    const own = await applyRatelimitDiff(tx, workspaceId, id, diff, () => newId("rl"));
    for (const limit of own) audit("ratelimit.create", limit.id);
    return { keyId: id, key, ...(await shadowedLimits(context, own, identityId)) };
  },
});
