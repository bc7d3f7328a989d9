import { z } from "zod";
import { isPermission } from "../domain/caller.ts";
import { parseRange } from "../domain/ipAddress.ts";
import { flawOfStored, isSalted, longestStart, schemeOf } from "../domain/oldHashes.ts";
import { isUrn } from "../domain/permissionUrns.ts";
import { outcomes, subjectKinds } from "../domain/usage.ts";
import { permissionName, permissionSlug } from "../operations/shared/permissions.ts";
import { refuseRepeatedNames } from "../operations/shared/ratelimits.ts";
import { description, storedId, text, word } from "../operations/shared/values.ts";
import { algorithms } from "../storage/queries/keys/migrations.ts";
import { underOldHash, waitingStates } from "../storage/queries/keys/waiting.ts";
import { movementKinds } from "../storage/queries/movements.ts";
import { balance, hold, instant, timeZone, units } from "./accountSchemas.ts";

/** The version of the format. Increase it if a document of the old version is no longer valid in the new one. */
export const formatVersion = 1;

/** The longest allowed line in bytes. The largest record that a server can store is far smaller. */
export const maxLineBytes = 4 * 1024 * 1024;

const notFingerprint = "must be null, unknown or a fingerprint of 16 hexadecimal digits";

/** The first line of a document. */
export const header = z.strictObject({
  format: z.literal("latchkey").describe("Always `latchkey`."),
  version: z.int().min(1).describe(`The version of the format, ${formatVersion}.`),
  createdAtMs: instant.describe("When the document was created."),
  workspace: z
    .strictObject({
      id: word(3, 255).describe("The workspace's id."),
      name: text(1, 255).describe("The workspace's name."),
      timeZone: timeZone
        .default("UTC")
        .describe("The IANA name of the time zone for quotas that do not have their own."),
    })
    .describe("The workspace that the records come from."),
  recoveryKey: z
    .union([z.literal("unknown"), z.string().regex(/^[0-9a-f]{16}$/, notFingerprint)], notFingerprint)
    .nullable()
    .describe(
      "The fingerprint of the recovery key under which recoverable keys are encrypted. null: there are no recoverable keys. `unknown`: there are some, but the recovery key was not set during the export.",
    ),
});

export type Header = z.output<typeof header>;

const ref = word(3, 255);
const id = (what: string) => ref.describe(what);
const createdAtMs = instant
  .nullable()
  .default(null)
  .describe("When the record was created. Omitted: when it was first imported.");
const updatedAtMs = instant
  .nullable()
  .default(null)
  .describe("When the record was last changed. Omitted: never.");
const optionalDescription = description.nullable().default(null).describe("A description of what it allows.");
const hash = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "must be a SHA-256 in base64url, without padding");

const keyHash = z
  .string()
  .regex(
    /^([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|upstream:[A-Za-z0-9_]{3,255}|(sha512|hmac-sha256|hmac-sha512):.+|\$.+)$/,
    "must be a SHA-256 in base64url, without padding, or have another form that docs/moving/format.md describes",
  )
  .superRefine((text, context) => {
    const flaw = schemeOf(text) === undefined ? undefined : flawOfStored(text);
    if (flaw !== undefined) context.addIssue({ code: "custom", message: flaw });
  });

/**
 * Refuses keys whose fields contradict their hash. `pendingMigrationId` must be `oldHash` if the hash has the scheme of
 * another system, and only then. A key with a salted hash must have a `start`, because verifications look the key up by
 * these first characters.
 */
function refuseWrongWait(
  key: { hash: string; start: string; pendingMigrationId: string | null },
  context: z.RefinementCtx,
): void {
  const isOld = schemeOf(key.hash) !== undefined;
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if (isOld !== (key.pendingMigrationId === underOldHash)) {
    refuse(
      "pendingMigrationId",
      `must be "${underOldHash}" if the hash begins with $, sha512: or hmac-, and must not be "${underOldHash}" otherwise`,
    );
  }
  if (isSalted(key.hash) && (key.start === "" || key.start.length > longestStart)) {
    refuse(
      "start",
      `must be the first 1 to ${longestStart} characters of the key, because its hash has a salt`,
    );
  }
}

const limit = z.int().min(1).describe("The highest total cost in any `durationMs` milliseconds.");
const durationMs = z
  .int()
  .min(1000)
  .max(2_592_000_000)
  .describe("The length of the sliding window in milliseconds.");

const meta = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "must be an object",
  )
  .meta({ type: "object" });

function refuseWrongRange(entry: string, context: z.RefinementCtx): void {
  const parsed = parseRange(entry);
  if (!("flaw" in parsed)) return;
  context.addIssue({ code: "custom", message: `${parsed.flaw.message}: ${parsed.flaw.fix}` });
}

const ipAllowList = z
  .array(text(2, 64).superRefine(refuseWrongRange))
  .max(100)
  .nullable()
  .default(null)
  .describe("The IP addresses and CIDR ranges from which keys may be used. Omitted: all addresses.");

const ratelimits = z
  .array(
    z.strictObject({
      id: id("The rate limit's id."),
      name: text(1, 128).describe("Unique among the limits of the key or identity."),
      limit,
      durationMs,
      autoApply: z.boolean().default(false).describe("Whether every verification counts against this limit."),
    }),
  )
  .max(50)
  .check(refuseRepeatedNames)
  .default([])
  .describe("The rate limits, in their order.");

const credits = balance.nullable().default(null);

/** The schema of every type of record. Their order here is the order of the types in a document. */
export const recordSchemas = {
  permission: z.strictObject({
    id: id("The permission's id."),
    slug: permissionSlug.describe("Unique in the workspace."),
    name: permissionName.describe("A display name."),
    description: optionalDescription,
    createdAtMs,
  }),
  role: z.strictObject({
    id: id("The role's id."),
    name: text(1, 128).describe("Unique in the workspace."),
    description: optionalDescription,
    createdAtMs,
    permissions: z.array(storedId).max(1000).default([]).describe("The ids of the role's permissions."),
  }),
  namespace: z.strictObject({
    id: id("The rate limit namespace's id."),
    name: text(1, 512).describe("Unique in the workspace."),
    createdAtMs,
  }),
  override: z.strictObject({
    id: id("The override's id."),
    namespaceId: id("The id of the override's namespace."),
    identifier: text(1, 512).describe("An identifier, or a pattern with `*`. Unique in the namespace."),
    limit: z
      .int()
      .min(0)
      .describe("The highest total cost in any `durationMs` milliseconds. 0 refuses every request."),
    durationMs,
    createdAtMs,
    updatedAtMs,
  }),
  api: z.strictObject({
    id: id("The api's id."),
    name: text(1, 256).describe("A display name."),
    createdAtMs,
    deleteProtection: z.boolean().default(false).describe("Whether the api is protected from deletion."),
    defaultPrefix: word(1, 16)
      .nullable()
      .default(null)
      .describe("The prefix of keys that are created without `prefix`."),
    defaultByteLength: z
      .int()
      .min(16)
      .max(255)
      .nullable()
      .default(null)
      .describe("The number of random bytes of keys that are created without a `byteLength`."),
    keyspaceId: ref.nullable().default(null).describe("The id of the api's keyspace."),
    ipAllowList,
  }),
  identity: z.strictObject({
    id: id("The identity's id."),
    externalId: text(1, 255).describe("Your own id of the user or organization. Unique in the workspace."),
    meta: meta.default({}).describe("The identity's metadata."),
    createdAtMs,
    updatedAtMs,
    ratelimits,
    balance: credits.describe("The credits and quotas that the identity's keys share. Omitted: unlimited."),
  }),
  migration: z.strictObject({
    id: ref
      .refine(
        (text) => !waitingStates.has(text),
        "is reserved for keys that wait without a migration: give the migration another id, also in the keys that wait for it",
      )
      .describe("The migration's id. Verifications of keys that wait for the migration send this id."),
    algorithm: z.enum(algorithms).describe("The algorithm with which the other system hashed keys."),
    createdAtMs,
  }),
  key: z
    .strictObject({
      id: id("The key's id."),
      apiId: id("The id of the key's api."),
      identityId: ref.nullable().default(null).describe("The id of the key's identity."),
      subjectId: ref
        .optional()
        .describe(
          "Identifies the key's balance and counters. A rerolled key keeps the `subjectId` of the original key. Omitted: the key's own id.",
        ),
      hash: keyHash.describe(
        "The SHA-256 of the whole key in base64url without padding. Unique in the workspace. A key whose SHA-256 is not known before its first verification has instead: `upstream:` and the key's id; or `sha512:`, `hmac-sha256:` or `hmac-sha512:` and a digest in base64url; or a bcrypt, argon2 or PBKDF2 hash that begins with `$`.",
      ),
      start: text(0, 255)
        .default("")
        .describe(
          "The first characters of the key, by which people recognize it. A key with a bcrypt, argon2 or PBKDF2 hash is looked up by its `start`, which must then have 1 to 64 characters. At most 8 such keys may have the same `start`.",
        ),
      prefix: text(0, 255).nullable().default(null).describe("The key's prefix, without the `_` after it."),
      byteLength: z.int().min(1).max(255).default(16).describe("The number of random bytes in the key."),
      name: text(1, 255).nullable().default(null).describe("A display name."),
      meta: meta.nullable().default(null).describe("The key's metadata."),
      enabled: z.boolean().default(true).describe("false: every verification returns `DISABLED`."),
      expiresAtMs: instant.nullable().default(null).describe("When the key expires. Omitted: never."),
      createdAtMs,
      updatedAtMs,
      pendingMigrationId: ref
        .nullable()
        .default(null)
        .describe(
          "What the key waits for. The id of a migration: the first verification with that id. `upstream`: a verification that the upstream server recognizes. `oldHash`: the first verification, which replaces the hash by a SHA-256. Omitted: the key does not wait.",
        ),
      sealed: z
        .string()
        .regex(
          /^[A-Za-z0-9_-]{38,2048}$/,
          "is not an encrypted key as latchkey export writes it: export the document again, or omit the field",
        )
        .nullable()
        .default(null)
        .describe("The key, encrypted under the recovery key. Omitted: the key is not recoverable."),
      rerolledAtMs: instant.nullable().default(null).describe("When the key was last rerolled."),
      expiresBeforeRerollMs: instant
        .nullable()
        .default(null)
        .describe("The expiry that the key had before its first reroll."),
      migratedFrom: storedId
        .nullable()
        .default(null)
        .describe("Only of a key that `keys.migrateKeys` created: a digest of the input for this key."),
      learnedAtMs: instant
        .nullable()
        .default(null)
        .describe(
          "Only of a key that was imported without its SHA-256: when its first verification supplied the SHA-256.",
        ),
      ipAllowList,
      ratelimits,
      permissions: z
        .array(storedId)
        .max(1000)
        .default([])
        .describe("The ids of the key's own permissions, without those of its roles."),
      roles: z.array(storedId).max(100).default([]).describe("The ids of the key's roles."),
      balance: credits.describe(
        "The key's credits and quotas. Omitted: unlimited. Keys with the same `subjectId` share one balance.",
      ),
    })
    .superRefine(refuseWrongWait),
  hold: z.strictObject({ id: id("The hold's id."), ...hold }),
  movement: z.strictObject({
    id: id("The movement's id."),
    ownerId: id("The owner of the changed units: the `subjectId` of a key, or the id of an identity."),
    atMs: instant.describe("When the units were changed."),
    kind: z.enum(movementKinds).describe("The kind of change."),
    quota: text(1, 128).nullable().default(null).describe("The name of the quota. Omitted: credits."),
    amount: z.int().describe("By how many units the balance was changed."),
    remaining: units.nullable().default(null).describe("The balance after the change. Omitted: unlimited."),
    reason: text(0, 1024).nullable().default(null).describe("The reason that the caller gave."),
    actorId: storedId
      .nullable()
      .default(null)
      .describe("The id of the root key that made the change. Omitted: the server made it."),
  }),
  rootKey: z.strictObject({
    id: id("The root key's id."),
    hash: hash.describe("The SHA-256 of the whole root key in base64url without padding."),
    start: text(0, 255).default("").describe("The first characters of the root key."),
    end: text(0, 255).default("").describe("The last characters of the root key."),
    name: text(0, 255).nullable().default(null).describe("What the root key is for."),
    permissions: z
      .array(
        text(1, 512).refine(
          (one) => isPermission(one) || isUrn(one),
          "is not a permission: use one such as api.*.verify_key, or * for all",
        ),
      )
      .max(1000)
      .describe("The root key's permissions, such as `api.*.verify_key`."),
    enabled: z.boolean().default(true).describe("false: every request with the root key is refused."),
    expiresAtMs: instant.nullable().default(null).describe("When the root key expires. Omitted: never."),
    createdAtMs,
    rerolledAtMs: instant.nullable().default(null).describe("When the root key was last rerolled."),
    expiresBeforeRerollMs: instant
      .nullable()
      .default(null)
      .describe("The expiry that the root key had before its first reroll."),
  }),
  lastUse: z.strictObject({
    keyId: id("The id of the key."),
    atMs: instant.describe("When the key was last verified."),
  }),
  usage: z.strictObject({
    kind: z
      .enum(Object.keys(subjectKinds).filter((kind) => kind !== "tag") as [keyof typeof subjectKinds])
      .describe("The kind of subject that was counted."),
    subjectId: storedId
      .optional()
      .describe("The id of the api, namespace, identity or key. Omitted: the workspace."),
    day: z.iso.date("must be a day such as 2026-01-31").describe("The day in UTC, such as `2026-01-31`."),
    outcome: z.enum(outcomes).describe("The outcome of the verifications or decisions."),
    count: z
      .int()
      .min(0)
      .describe("The number of verifications or decisions on that day. 0 if only holds were settled."),
    credits: z
      .int()
      .min(0)
      .default(0)
      .describe("The credits that the verifications spent, or the cost of the decisions."),
  }),
  auditEvent: z.strictObject({
    id: id("The event's id."),
    atMs: instant.describe("When the event happened."),
    requestId: storedId.describe("The id of the request."),
    actorId: storedId.describe("Who did it: the id of a root key, or the name of a command."),
    event: text(1, 255).describe("What was done, such as `key.create`."),
    targetId: storedId.describe("The id of the record that was changed."),
    fields: z.array(text(1, 255)).max(1000).default([]).describe("The names of the changed fields."),
    remoteAddress: text(0, 255).nullable().default(null).describe("The IP address of the caller."),
    userAgent: z
      .string()
      .max(65_536)
      .nullable()
      .default(null)
      .describe("The User-Agent header of the caller."),
    via: text(1, 255)
      .nullable()
      .default(null)
      .describe(
        "`console` if it was done in the console. Omitted: it was done by the API or the command line.",
      ),
  }),
} as const;

export type RecordType = keyof typeof recordSchemas;

/** The names of the types, in the order of a document. */
export const recordTypes = Object.keys(recordSchemas) as RecordType[];

/** A record in a document, in which fields with a default may be omitted. */
export type DocumentRecord = {
  [Type in RecordType]: { type: Type } & z.input<(typeof recordSchemas)[Type]>;
}[RecordType];

/** The fields of a record of one type after validation, with defaults filled in. */
export type Fields<Type extends RecordType> = z.output<(typeof recordSchemas)[Type]>;

/** The last line of a document. A document without it was truncated. */
export const end = z.strictObject({
  type: z.literal("end").describe("Always `end`."),
  records: z.int().min(0).describe("The number of records before this line."),
});
