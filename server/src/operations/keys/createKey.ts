import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { Failure } from "../../errors.ts";
import { operation } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { setBalance } from "../../storage/queries/balances.ts";
import { insertKey } from "../../storage/queries/keyWrites.ts";
import {
  apiId,
  credits,
  externalId,
  givenRatelimits,
  instant,
  keyName,
  keyPrefix,
  meta,
  metaText,
  permissionSlugs,
  ratelimits,
  roleNames,
} from "../fields.ts";
import {
  creditsOf,
  linkIdentity,
  makePermissions,
  makeSecret,
  replacePermissions,
  replaceRatelimits,
  replaceRoles,
  requireRecovery,
  shadowedLimits,
} from "../parts.ts";

const input = z.strictObject({
  apiId,
  prefix: keyPrefix.optional(),
  name: keyName.optional(),
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
    const given = givenRatelimits(input.ratelimits ?? [], limits);
    const balance = creditsOf(input.credits);
    const meta = input.meta && metaText(input.meta, limits, note);
    const api = await findApi(tx, workspaceId, input.apiId);
    if (api === undefined || !may(caller, "api", api.id, "create_key")) throw new Failure("api_not_found");
    if (input.recoverable) requireRecovery(context.recovery);
    if (input.recoverable && !may(caller, "api", api.id, "encrypt_key")) throw new Failure("api_not_found");

    const id = newId("key");
    const { key, ...secret } = makeSecret(context, input);
    const identityId = input.externalId && (await linkIdentity(context, input.externalId));
    await insertKey(tx, {
      id,
      workspaceId,
      apiId: api.id,
      identityId,
      subjectId: id,
      ...secret,
      prefix: input.prefix,
      byteLength: input.byteLength,
      name: input.name,
      meta,
      enabled: input.enabled,
      expiresAtMs: input.expires,
      pendingMigrationId: undefined,
      nowMs,
    });
    audit("key.create", id);
    await replaceRoles(context, id, input.roles ?? []);
    await replacePermissions(context, id, await makePermissions(context, input.permissions ?? []));
    if (balance !== undefined) await setBalance(tx, { workspaceId, subjectId: id }, balance, nowMs);
    const own = await replaceRatelimits(context, id, [], given);
    return { keyId: id, key, ...(await shadowedLimits(context, own, identityId)) };
  },
});
