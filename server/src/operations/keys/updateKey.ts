import { z } from "zod";
import { operation } from "../../operation.ts";
import { setKey } from "../../storage/queries/keys/write.ts";
import { updateAccountOf } from "../shared/accounts.ts";
import { changedFields } from "../shared/changes.ts";
import { creditsChange } from "../shared/credits.ts";
import { externalId, findOrCreateIdentity } from "../shared/identities.ts";
import { ipAllowList, parseIpAllowList } from "../shared/ipAllowLists.ts";
import { keyId, keyName, lockPermittedKey, warnings } from "../shared/keys.ts";
import { meta, metaText } from "../shared/meta.ts";
import { findOrCreatePermissions, permissionSlugs, replacePermissions } from "../shared/permissions.ts";
import { quotas } from "../shared/quotas.ts";
import { parseRatelimits, ratelimits, replaceRatelimits } from "../shared/ratelimits.ts";
import { replaceRoles, roleNames } from "../shared/roles.ts";
import { instant } from "../shared/values.ts";
import { keyWarnings } from "../shared/warnings.ts";

const input = z.strictObject({
  keyId,
  name: keyName.nullable().optional().describe(`${keyName.description} null removes the name.`),
  externalId: externalId
    .nullable()
    .optional()
    .describe(
      "The external id of the identity that the key belongs to, which is created if it does not exist. null unlinks the key from its identity.",
    ),
  meta: meta
    .nullable()
    .optional()
    .describe(`Replaces all of the metadata. null or \`{}\` clears it. ${meta.description}`),
  expires: instant
    .nullable()
    .optional()
    .describe("When the key expires. Unix time in milliseconds (not seconds). null: the key never expires."),
  credits: creditsChange
    .nullable()
    .optional()
    .describe("Changes the credits and their refill. null: unlimited, without a refill."),
  ratelimits: ratelimits
    .optional()
    .describe(
      "Replaces all rate limits of the key, matched by name: a limit whose name stays keeps its id. `[]` removes them all.",
    ),
  quotas: quotas
    .optional()
    .describe(
      "Replaces all quotas of the key, matched by name: a quota whose name stays keeps what it has used. `[]` removes them all. A quota that is removed and added again within its period is not reset, unless `restart` is true.",
    ),
  enabled: z
    .boolean()
    .optional()
    .describe("false: every verification of the key returns `DISABLED`, until it is enabled again."),
  ipAllowList: ipAllowList
    .nullable()
    .optional()
    .describe(`${ipAllowList.description} It replaces the key's list. null: every address is allowed.`),
  roles: roleNames
    .optional()
    .describe("Replaces all roles of the key, by name. They must exist. `[]` removes them all."),
  permissions: permissionSlugs
    .optional()
    .describe(
      "Replaces the direct permissions of the key, by slug. Slugs that do not exist are created. `[]` removes them all.",
    ),
});

export const updateKey = operation({
  name: "keys.updateKey",
  summary: "Update a key",
  description:
    "An omitted field stays unchanged, null clears it, and a value replaces it. An `expires` in the past is accepted, with a warning.",
  permission: "api.<id>.update_key",
  input,
  output: z.strictObject({ warnings }),
  errors: ["key_not_found", "role_not_found", "bound_exceeded"],
  example: { input: { keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a", name: null, enabled: false }, output: {} },

  async transact(input, context) {
    const { caller, tx, audit, now, limits, note } = context;
    const requested = input.ratelimits && parseRatelimits(input.ratelimits, limits);
    const addresses = input.ipAllowList && parseIpAllowList(input.ipAllowList);
    const newMeta = input.meta && metaText(input.meta, limits, note);
    const key = await lockPermittedKey(context, input.keyId, "update_key");
    const identityId = input.externalId && (await findOrCreateIdentity(context, input.externalId));
    await setKey(
      tx,
      caller.workspaceId,
      key.id,
      {
        name: input.name,
        identityId,
        meta: newMeta,
        expiresAtMs: input.expires,
        enabled: input.enabled,
        ipAllowList: addresses,
      },
      now(),
    );
    await updateAccountOf(
      context,
      { workspaceId: caller.workspaceId, id: key.subjectId, kind: "key" },
      input,
    );
    if (input.roles !== undefined) await replaceRoles(context, key.id, input.roles);
    if (input.permissions !== undefined) {
      await replacePermissions(context, key.id, await findOrCreatePermissions(context, input.permissions));
    }
    const newRatelimits = requested
      ? await replaceRatelimits(context, key.id, key.ratelimits, requested)
      : key.ratelimits;
    audit("key.update", key.id, changedFields(input, "keyId"));
    return keyWarnings(context, {
      expires: input.expires,
      ratelimits: requested === undefined && identityId === undefined ? [] : newRatelimits,
      identityId: identityId === undefined ? key.identityId : (identityId ?? undefined),
    });
  },
});
