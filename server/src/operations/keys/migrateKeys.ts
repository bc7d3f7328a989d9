import { z } from "zod";
import { may } from "../../domain/caller.ts";
import { parseSha256 } from "../../domain/foreignKeys.ts";
import { nextTurn } from "../../domain/nextTurn.ts";
import { Failure } from "../../errors/failure.ts";
import { operation, type RunContext } from "../../operation.ts";
import { findApi } from "../../storage/queries/apis.ts";
import { findAlgorithm } from "../../storage/queries/keys/migrations.ts";
import type { Db } from "../../storage/schema.ts";
import { warnings } from "../shared/keys.ts";
import { inParts, migratePart, notSha256, prepareKeys, type Target } from "../shared/migration.ts";
import { newKeyFields } from "../shared/newKeys.ts";
import { requireRoles } from "../shared/roles.ts";
import { list, storedId, text } from "../shared/values.ts";
import { expiredKeysWarning } from "../shared/warnings.ts";

const keyItem = z.strictObject({
  hash: z
    .string()
    .min(3)
    .max(88)
    .refine((text) => parseSha256(text) !== undefined, {
      error: notSha256.message,
      params: { fix: notSha256.fix },
    })
    .describe(
      "The SHA-256 of the whole key, in hex, base64 or base64url. For a migration with the algorithm prefixed-api-key, the SHA-256 of its long token.",
    ),
  ...newKeyFields,
});

export const migrateKeys = operation({
  name: "keys.migrateKeys",
  summary: "Migrate keys from another system, by their hashes",
  description:
    "Each key is migrated with all its fields, or listed in `failed` because the workspace already has its hash. The keys are committed in parts: if the call fails, some of them may have been migrated. Repeat the call to complete the rest, with the same Idempotency-Key or without any. If this migration created a key earlier from an equal item, and the key still exists, it counts as migrated and is returned with its id. If a hash occurs twice in one call, only its first item is migrated. If the migration's algorithm is prefixed-api-key, verify its keys with `migrationId`.",
  permission: "api.<id>.create_key",
  input: z.strictObject({
    migrationId: text(3, 255).describe(
      "The migration's id, as `latchkey migration create` printed it. It determines how the keys were hashed.",
    ),
    apiId: text(3, 255).describe("The id of the api to create the keys in."),
    keys: list(keyItem).min(1).max(10_000).describe("The keys to create."),
  }),
  output: z.strictObject({
    migrated: z
      .array(
        z.strictObject({
          hash: z.string().min(3).max(88).describe("The hash, as the request has it."),
          keyId: storedId.describe("The id of the migrated key."),
        }),
      )
      .max(10_000)
      .describe(
        "The keys that this call, or an earlier call for the same migration, created. They are in the order of the request, without the keys in `failed`: match them by `hash`.",
      ),
    failed: z
      .array(z.string().min(3).max(88))
      .max(10_000)
      .describe(
        "The hashes that the workspace already had. Nothing was stored for them. `[]` if all keys were migrated.",
      ),
    warnings,
  }),
  errors: ["api_not_found", "migration_not_found", "role_not_found", "bound_exceeded"],
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
  takesLargeBody: true,

  commitsInParts: true,

  async run(input, context) {
    const { caller, db, inTransaction, nowMs } = context;
    const target = await findTarget(context, db, input);
    const names = new Set(input.keys.flatMap(({ roles }) => roles ?? []));
    await requireRoles({ caller, tx: db }, [...names]);
    const keys = await prepareKeys(input.keys, context, target);
    const ids = new Map<string, string>();
    for (const part of inParts(keys)) {
      const migrated = await inTransaction(async (write) => {
        await findTarget(context, write.tx, input); // the api may have been deleted meanwhile
        return migratePart({ ...context, ...write, note: context.note }, target, part);
      });
      for (const [hash, keyId] of migrated) ids.set(hash, keyId);
      await nextTurn();
    }
    return { ...outcomeOf(input.keys, ids), ...expiredKeysWarning(input.keys, nowMs) };
  },
});

/** Errors: `api_not_found`, also if the caller may not create keys in the api; `migration_not_found`. */
async function findTarget(
  { caller }: Pick<RunContext, "caller">,
  db: Db,
  input: { apiId: string; migrationId: string },
): Promise<Target> {
  const api = await findApi(db, caller.workspaceId, input.apiId);
  if (api === undefined || !may(caller, "api", api.id, "create_key")) throw new Failure("api_not_found");
  const algorithm = await findAlgorithm(db, caller.workspaceId, input.migrationId);
  if (algorithm === undefined) throw new Failure("migration_not_found");
  return { apiId: api.id, algorithm, migrationId: input.migrationId };
}

/**
 * Builds the response in the order of the items. `ids` has the keys' ids by stored hash. If several items have the same
 * hash, only the first of them has succeeded.
 */
function outcomeOf(items: readonly { hash: string }[], ids: Map<string, string>) {
  const migrated: { hash: string; keyId: string }[] = [];
  const failed: string[] = [];
  const remaining = new Map(ids);
  for (const { hash } of items) {
    const stored = parseSha256(hash) ?? "";
    const keyId = remaining.get(stored);
    remaining.delete(stored);
    if (keyId === undefined) failed.push(hash);
    else migrated.push({ hash, keyId });
  }
  return { migrated, failed };
}
