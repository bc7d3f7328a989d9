import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { parseSha256 } from "../../domain/foreignKeys.ts";
import { Failure, invalid } from "../../errors.ts";
import { operation, type TransactContext } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { setBalance } from "../../storage/queries/balances.ts";
import { type Algorithm, findAlgorithm } from "../../storage/queries/keyMigrations.ts";
import { insertKey, linkKeyToIdentity } from "../../storage/queries/keyWrites.ts";
import {
  credits,
  externalId,
  givenRatelimits,
  instant,
  keyName,
  meta,
  metaText,
  permissionSlugs,
  ratelimits,
  roleNames,
  text,
} from "../fields.ts";
import {
  creditsOf,
  linkIdentity,
  makePermissions,
  replacePermissions,
  replaceRatelimits,
  replaceRoles,
} from "../parts.ts";

const item = z.strictObject({
  hash: z
    .string()
    .min(3)
    .max(88)
    .refine((text) => parseSha256(text) !== undefined, {
      error: "is no SHA-256",
      params: { fix: "give 32 bytes in hex, base64 or base64url" },
    })
    .describe("SHA-256 of the key (or of its long token), in hex, base64 or base64url."),
  name: keyName.optional(),
  externalId: externalId.optional(),
  meta: meta.optional(),
  roles: roleNames.optional(),
  permissions: permissionSlugs.optional(),
  expires: instant.optional(),
  enabled: z.boolean().default(true),
  credits: credits.optional(),
  ratelimits: ratelimits.optional(),
});

type Item = z.output<typeof item>;

/** what a key of ours has where nothing is known of a foreign one */
const assumedByteLength = 16;

export const migrateKeys = operation({
  name: "keys.migrateKeys",
  summary: "Bring keys over from elsewhere, by their hashes",
  description:
    "All in one transaction. `failed` lists hashes that the workspace has already. Verify such keys with `migrationId`.",
  permission: "api.<id>.create_key",
  input: z.strictObject({
    migrationId: text(3, 255),
    apiId: text(3, 255),
    keys: z.array(item).min(1).max(10_000),
  }),
  output: z.strictObject({
    migrated: z.array(z.strictObject({ hash: z.string(), keyId: z.string() })),
    failed: z.array(z.string()),
  }),
  errors: ["api_not_found", "migration_not_found", "role_not_found"],
  example: {
    input: {
      migrationId: "mig_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      apiId: "api_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      keys: [{ hash: "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", externalId: "user_123" }],
    },
    output: {
      migrated: [
        { hash: "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", keyId: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
      ],
      failed: [],
    },
  },
  maxBodyBytes: 10 * 1024 * 1024,

  async transact(input, context) {
    const { caller, tx } = context;
    const api = await findApi(tx, caller.workspaceId, input.apiId);
    if (api === undefined || !may(caller, "api", api.id, "create_key")) throw new Failure("api_not_found");
    const algorithm = await findAlgorithm(tx, caller.workspaceId, input.migrationId);
    if (algorithm === undefined) throw new Failure("migration_not_found");
    const into = { apiId: api.id, algorithm, migrationId: input.migrationId };
    const migrated: { hash: string; keyId: string }[] = [];
    const failed: string[] = [];
    for (const [index, one] of input.keys.entries()) {
      const keyId = await migrateOne(context, into, one, `body.keys[${index}]`);
      if (keyId === undefined) failed.push(one.hash);
      else migrated.push({ hash: one.hash, keyId });
    }
    return { migrated, failed };
  },
});

/** The new key's id; undefined where the workspace has its hash already, and nothing of it is stored. */
async function migrateOne(
  context: TransactContext,
  into: { apiId: string; algorithm: Algorithm; migrationId: string },
  given: Item,
  location: string,
): Promise<string | undefined> {
  const { caller, tx, audit, newId, nowMs, limits, note } = context;
  const { workspaceId } = caller;
  const hash = parseSha256(given.hash);
  if (hash === undefined)
    throw invalid(`${location}.hash`, "is no SHA-256", "give 32 bytes in hex or base64");
  const id = newId("key");
  const inserted = await insertKey(tx, {
    id,
    workspaceId,
    apiId: into.apiId,
    identityId: undefined, // none is made for a key that is not
    subjectId: id,
    hash,
    sealed: undefined,
    start: "",
    prefix: undefined,
    byteLength: assumedByteLength,
    name: given.name,
    meta: given.meta && metaText(given.meta, limits, note, `${location}.meta`),
    enabled: given.enabled,
    expiresAtMs: given.expires,
    // a SHA-256 of the whole key is what ours go by, too: nothing is left to be done
    pendingMigrationId: into.algorithm === "sha256" ? undefined : into.migrationId,
    nowMs,
  });
  if (!inserted) return undefined;
  if (given.externalId !== undefined) {
    await linkKeyToIdentity(tx, workspaceId, id, await linkIdentity(context, given.externalId));
  }
  audit("key.create", id);
  await replaceRoles(context, id, given.roles ?? []);
  await replacePermissions(context, id, await makePermissions(context, given.permissions ?? []));
  const balance = creditsOf(given.credits, `${location}.credits`);
  if (balance !== undefined) await setBalance(tx, { workspaceId, subjectId: id }, balance, nowMs);
  const limitsGiven = givenRatelimits(given.ratelimits ?? [], limits, `${location}.ratelimits`);
  await replaceRatelimits(context, id, [], limitsGiven);
  return id;
}
